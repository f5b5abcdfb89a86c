Feature: Count equal lines

  @R1
  Scenario Outline: the count, a space, the line: <input>
    Given standard input "<input>"
    When I run "tally"
    Then stdout is "<output>"
    And stderr is empty
    And it exits with 0

    Examples:
      | input                   | output             |
      | E42\n                   | 1 E42              |
      | x\nx\nx\n               | 3 x                |
      | two words\ntwo words\n  | 2 two words        |
      | no newline at the end   | 1 no newline at the end |

  @R2
  Scenario Outline: most often first, then by code point: <input>
    Given standard input "<input>"
    When I run "tally"
    Then stdout is "<output>"
    And it exits with 0

    Examples:
      | input                     | output               |
      | a\nb\nb\nc\nc\nc\n        | 3 c\n2 b\n1 a        |
      | b\nB\na\nA\n              | 1 A\n1 B\n1 a\n1 b   |
      | 10\n9\n9\n10\n            | 2 10\n2 9            |
      | z\ny\nz\ny\nx\n           | 2 y\n2 z\n1 x        |

  @R2
  Scenario: eleven are more than two
    Given standard input:
      """
      a
      a
      b
      b
      b
      b
      b
      b
      b
      b
      b
      b
      b
      """
    When I run "tally"
    Then stdout is "11 b\n2 a"
    And it exits with 0

  @R3
  Scenario Outline: white space at the ends does not count: <input>
    Given standard input "<input>"
    When I run "tally"
    Then stdout is "<output>"
    And it exits with 0

    Examples:
      | input                   | output        |
      | a  b\na b\n             | 1 a  b\n1 a b |
      | a\n   \n\na\n           | 2 a           |

  @R3
  Scenario: tabs are white space too
    Given standard input "\ta\na \t\n\t\n"
    When I run "tally"
    Then stdout is "2 a"
    And it exits with 0

  @R3
  Scenario Outline: nothing to count: <input>
    Given standard input "<input>"
    When I run "tally"
    Then stdout is empty
    And it exits with 0

    Examples:
      | input    |
      | \n\n\n   |
      | \n    \n |

  @R4
  Scenario Outline: no arguments are taken: <call>
    Given standard input "yes\nno\n"
    When I run "<call>"
    Then stdout is empty
    And stderr is not empty
    And it exits with 2

    Examples:
      | call        |
      | tally -     |
      | tally --all |
      | tally a b   |
