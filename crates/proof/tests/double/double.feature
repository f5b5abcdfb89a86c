Feature: Doubling

  @R1
  Scenario Outline: <number> doubled
    When I run "double <number>"
    Then it succeeds
    And stdout is "<twice>"
    And stderr is empty

    Examples:
      | number | twice |
      | 0      | 0     |
      | 3      | 6     |
      | 21     | 42    |
      | 100    | 200   |

  @R2
  Scenario Outline: Refused
    When I run "double <input>"
    Then the exit code is 2
    And stdout is empty
    And stderr is not empty

    Examples:
      | input |
      | abc   |
      | 1.5   |
      | ''    |

  @R2
  Scenario: Too few arguments
    When I run "double"
    Then the exit code is 2
    And stdout is empty
    And stderr is not empty

  @R2
  Scenario: Too many arguments
    When I run "double 1 2"
    Then the exit code is 2
    And stdout is empty
    And stderr is not empty
