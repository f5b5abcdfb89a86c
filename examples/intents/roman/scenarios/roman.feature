Feature: Roman numerals on the command line

  @R1
  Scenario Outline: <number> in capital letters
    When I run "roman <number>"
    Then stdout is "<numeral>"
    And stderr is empty
    And it exits with 0

    Examples:
      | number | numeral   |
      | 1      | I         |
      | 8      | VIII      |
      | 50     | L         |
      | 613    | DCXIII    |
      | 1666   | MDCLXVI   |
      | 3888   | MMMDCCCLXXXVIII |

  @R2
  Scenario Outline: <number> without four of a kind
    When I run "roman <number>"
    Then stdout is "<numeral>"
    And it exits with 0

    Examples:
      | number | numeral   |
      | 4      | IV        |
      | 9      | IX        |
      | 44     | XLIV      |
      | 99     | XCIX      |
      | 444    | CDXLIV    |
      | 949    | CMXLIX    |
      | 3999   | MMMCMXCIX |

  @R3
  Scenario Outline: no number from 1 to 3999: <word>
    When I run "roman <word>"
    Then stdout is empty
    And stderr is not empty
    And it exits with 2

    Examples:
      | word  |
      | -1    |
      | +5    |
      | 4001  |
      | 99999 |
      | 12a   |
      | 1e2   |
      | 3.0   |
      | XIV   |
      | 0x1F  |

  @R3
  Scenario: an empty argument
    When I run "roman ''"
    Then stdout is empty
    And stderr is not empty
    And it exits with 2

  @R3
  Scenario: three arguments
    When I run "roman 1 2 3"
    Then stdout is empty
    And stderr is not empty
    And it exits with 2
