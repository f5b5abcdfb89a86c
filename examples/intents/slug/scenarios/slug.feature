Feature: Titles as parts of web addresses

  @R1
  Scenario Outline: lower case, and one hyphen for all that lies between: <title>
    When I run "slug '<title>'"
    Then stdout is "<slug>"
    And stderr is empty
    And it exits with 0

    Examples:
      | title                | slug               |
      | README               | readme             |
      | Rust 2024 Edition    | rust-2024-edition  |
      | a -- b               | a-b                |
      | one,two;three        | one-two-three      |
      | under_score          | under-score        |
      | 10% off, today only  | 10-off-today-only  |
      | Area 59              | area-59            |
      | 7                    | 7                  |
      | Zoë and Ünal         | zo-and-nal         |

  @R2
  Scenario Outline: no hyphen at either end: <title>
    When I run "slug '<title>'"
    Then stdout is "<slug>"
    And it exits with 0

    Examples:
      | title         | slug    |
      | (draft)       | draft   |
      | ...and more   | and-more |
      | --x--         | x       |
      | Who? Me?!     | who-me  |

  @R1 @R2
  Scenario: white space of every kind
    When I run "slug '\tTabs\tand   blanks\n'"
    Then stdout is "tabs-and-blanks"
    And it exits with 0

  @R3
  Scenario Outline: nothing is left of the title: <title>
    When I run "slug '<title>'"
    Then stdout is empty
    And stderr is not empty
    And it exits with 2

    Examples:
      | title |
      | -     |
      | ***   |
      | ¿é?   |
      | 日本   |

  @R3
  Scenario Outline: not one title: <call>
    When I run "<call>"
    Then stdout is empty
    And stderr is not empty
    And it exits with 2

    Examples:
      | call           |
      | slug ' '       |
      | slug one two   |
      | slug a b c     |
