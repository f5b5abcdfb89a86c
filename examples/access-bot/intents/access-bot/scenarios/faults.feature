@R3
Feature: When calls go wrong

  Background:
    Given slack has the channels:
      | name   |
      | access |
    And okta has the users:
      | login           | firstName | lastName | status     |
      | bob@example.com | Bob       | M        | LOCKED_OUT |

  Scenario Outline: Slack answers <status>
    Given slack answers the first 1 "chat.postMessage" with <status>
    And the service is running
    When I POST "/poll"
    And I POST "/poll"
    Then the status is 200
    And slack has 1 message in "#access"
    And slack was asked for "chat.postMessage" at least 2 times

    Examples:
      | status |
      | 429    |
      | 500    |
      | 503    |

  Scenario: Slack's answer is lost
    Given slack loses the response to "chat.postMessage" number 1
    And the service is running
    When I POST "/poll"
    And I POST "/poll"
    Then the status is 200
    And slack has 1 message in "#access"

  Scenario: Slack breaks the connection
    Given slack resets the connection of "chat.postMessage" number 1
    And the service is running
    When I POST "/poll"
    And I POST "/poll"
    Then slack has 1 message in "#access"

  Scenario Outline: Okta <what>
    Given okta has the faults:
      | operation | fault   | status   |
      | listUsers | <fault> | <status> |
    And the service is running
    When I POST "/poll"
    And I POST "/poll"
    Then the status is 200
    And slack has 1 message in "#access"

    Examples:
      | what                  | fault        | status |
      | is out of order       | server_error | 503    |
      | breaks the connection | reset        |        |
      | breaks off its answer | truncated    |        |
