Feature: Clean up the blanks of a text file

  @R1
  Scenario Outline: blanks and tabs at the ends of lines go: <before>
    Given a file "notes.txt" containing "<before>"
    When I run "trim notes.txt"
    Then the file "notes.txt" is "<after>"
    And stdout is empty
    And stderr is empty
    And it exits with 0

    Examples:
      | before                | after            |
      | one  \ntwo\n          | one\ntwo\n       |
      | -  indented  text \n    | -  indented  text\n |
      | clean\n               | clean\n          |
      | a \n\n \nb\n          | a\n\n\nb\n       |

  @R1 @R2
  Scenario: tabs are blanks as well, but not at the beginning of a line
    Given a file "notes.txt" containing "a\t\nb \t \n\tindented\t\n\t\n"
    When I run "trim notes.txt"
    Then the file "notes.txt" is "a\nb\n\tindented\n"
    And the file "notes.txt" does not contain "indented\n\n"
    And it exits with 0

  @R1
  Scenario: a name with a blank in it, in a directory
    Given a file "my notes/to do.txt" containing "buy milk \n"
    When I run "trim 'my notes/to do.txt'"
    Then the file "my notes/to do.txt" is "buy milk\n"
    And it exits with 0

  @R1
  Scenario: what a shell or printf would take for its own stays as it is
    Given a file "odd.txt" containing "100% \\n $HOME `x` *  \n-n\n"
    When I run "trim odd.txt"
    Then the file "odd.txt" is "100% \\n $HOME `x` *\n-n\n"
    And it exits with 0

  @R2
  Scenario Outline: nothing but one newline at the end: <before>
    Given a file "notes.txt" containing "<before>"
    When I run "trim notes.txt"
    Then the file "notes.txt" contains "<end>"
    And the file "notes.txt" does not contain "<end>\n"
    And it exits with 0

    Examples:
      | before               | end       |
      | one\n\n\n            | one\n     |
      | a\n\nb\n \n   \n     | a\n\nb\n  |
      | no newline           | newline\n |
      | x  \n\n              | x\n       |

  @R2
  Scenario Outline: of a file without any text nothing is left: <before>
    Given a file "notes.txt" containing "<before>"
    When I run "trim notes.txt"
    Then the file "notes.txt" is empty
    And stdout is empty
    And it exits with 0

    Examples:
      | before     |
      | \n\n       |
      | \n   \n \n |

  @R3
  Scenario Outline: a file that is not there: <path>
    When I run "trim <path>"
    Then stdout is empty
    And stderr is not empty
    And it exits with 1
    And the file "<path>" does not exist

    Examples:
      | path       |
      | gone.txt   |
      | a/b/c.txt  |

  @R4
  Scenario: no argument, and files that it could have taken
    Given a file "a.txt" containing "a \n"
    When I run "trim"
    Then stderr is not empty
    And it exits with 2
    And the file "a.txt" contains "a \n"

  @R4
  Scenario: two files are one too many, and neither is changed
    Given a file "a.txt" containing "a \n"
    And a file "b.txt" containing "b \n"
    When I run "trim a.txt b.txt"
    Then stderr is not empty
    And it exits with 2
    And the file "a.txt" contains "a \n"
    And the file "b.txt" contains "b \n"
