Feature: Seconds that a person can read

  @R1
  Scenario Outline: all units, the largest first: <seconds> seconds
    When I run "span <seconds>"
    Then stdout is "<text>"
    And stderr is empty
    And it exits with 0

    Examples:
      | seconds  | text            |
      | 1        | 1s              |
      | 61       | 1m 1s           |
      | 3661     | 1h 1m 1s        |
      | 86399    | 23h 59m 59s     |
      | 90061    | 1d 1h 1m 1s     |
      | 34822861 | 403d 1h 1m 1s   |

  @R2
  Scenario Outline: a unit that is zero is left out: <seconds> seconds
    When I run "span <seconds>"
    Then stdout is "<text>"
    And it exits with 0

    Examples:
      | seconds | text     |
      | 60      | 1m       |
      | 7260    | 2h 1m    |
      | 3605    | 1h 5s    |
      | 86400   | 1d       |
      | 90000   | 1d 1h    |
      | 172860  | 2d 1m    |

  @R3
  Scenario: nothing at all, however it is written
    When I run "span 000"
    Then stdout is "0s"
    And it exits with 0

  @R4
  Scenario Outline: not a whole number of seconds: <word>
    When I run "span <word>"
    Then stdout is empty
    And stderr is not empty
    And it exits with 2

    Examples:
      | word  |
      | -1    |
      | +7    |
      | 0.5   |
      | 12s   |
      | 1e3   |
      | 0x10  |
      | 1_000 |
      | an    |

  @R4
  Scenario: an empty argument
    When I run "span ''"
    Then stdout is empty
    And stderr is not empty
    And it exits with 2

  @R4
  Scenario: three arguments
    When I run "span 1 2 3"
    Then stdout is empty
    And stderr is not empty
    And it exits with 2
