# Held out.
@R1
Feature: Roman numerals
  People write the year on buildings.

  Background:
    Given the environment variable "LANG" is "C"

  # The easy ones.
  Scenario Outline: <number> is <numeral>
    When I run "roman <number>"
    Then it succeeds
    And stdout is "<numeral>"
    But stderr is empty

    Examples:
      | number | numeral   |
      # the smallest
      | 1      | I         |

      | 3999   | MMMCMXCIX |

  Rule: Files

    Background:
      Given a file "in/numbers" containing:
        """
        1
          2

        """

    @R2 @slow
    Scenario: Into a file
      * the files:
        | path | content |
        | a    | x\n     |
      When I run "roman -o 'out file' 4" with standard input "a\tb"
      * I run:
        """
        roman "a b"
        """
      Then the exit code is 2
      * the file "out file" is:
        """
        IV
        """
      And stderr matches "no \w+ number"
      And stdout does not contain "I"
      And it finishes within 500 ms
