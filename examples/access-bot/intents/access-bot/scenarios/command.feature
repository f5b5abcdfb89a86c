Feature: The slash command

  Background:
    Given slack has the users:
      | name |
      | dora |
    And slack has the channels:
      | name   |
      | access |
    And okta has the users:
      | login             | firstName | lastName | status        |
      | ada@example.com   | Ada       | L        | ACTIVE        |
      | carol@example.com | Carol     | N        | DEPROVISIONED |

  @R5
  Scenario: Somebody is locked out
    Given okta has the users:
      | login           | firstName | lastName | status     |
      | bob@example.com | Bob       | M        | LOCKED_OUT |
      | eve@example.com | Eve       | O        | LOCKED_OUT |
    And the service is running
    When slack gets the command:
      | user | channel | command | url                                 |
      | dora | #access | /locked | http://127.0.0.1:8080/slack/command |
    Then slack has 1 command_reply for "dora"
    And slack has 1 command_reply for "dora" containing "bob@example.com"
    And slack has 1 command_reply for "dora" containing "eve@example.com"
    And slack has no command_replies for "dora" containing "ada@example.com"
    And slack has no command_replies for "dora" containing "carol@example.com"

  @R5
  Scenario: Nobody is locked out
    Given the service is running
    When slack gets the command:
      | user | channel | command | url                                 |
      | dora | #access | /locked | http://127.0.0.1:8080/slack/command |
    Then slack has 1 command_reply for "dora" containing "Nobody"

  @R6
  Scenario: A command without a signature
    Given okta has the users:
      | login           | firstName | lastName | status     |
      | bob@example.com | Bob       | M        | LOCKED_OUT |
    And the service is running
    When I POST "/slack/command" with the form:
      | field   | value   |
      | command | /locked |
    Then the status is 401
    And the response does not contain "bob@example.com"

  @R6
  Scenario: A command with a wrong signature
    Given the service is running
    And the request header "X-Slack-Request-Timestamp" is "1767603600"
    And the request header "X-Slack-Signature" is "v0=0000000000000000000000000000000000000000000000000000000000000000"
    When I POST "/slack/command" with the form:
      | field   | value   |
      | command | /locked |
    Then the status is 401

  @R6
  Scenario: A signed command that is too old
    Given the service is running
    When 10m passes
    And slack gets the command:
      | user | channel | command | url                                 |
      | dora | #access | /locked | http://127.0.0.1:8080/slack/command |
    Then slack has 1 command_reply for "dora" containing "failed"
