Feature: Telling the desk

  Background:
    Given slack has the channels:
      | name            |
      | access-requests |
      | access          |
      | all-access      |
    And okta has the users:
      | login             | firstName | lastName | status       |
      | ada@example.com   | Ada       | L        | ACTIVE       |
      | bob@example.com   | Bob       | M        | LOCKED_OUT   |
      | carol@example.com | Carol     | N        | DEPROVISIONED |

  @R1
  Scenario: Who lost access is told in the right channel
    Given the service is running
    When I POST "/poll"
    Then the status is 200
    And slack has 2 messages in "#access"
    And slack has 1 message in "#access" containing "bob@example.com"
    And slack has 1 message in "#access" containing "locked out"
    And slack has 1 message in "#access" containing "carol@example.com"
    And slack has 1 message in "#access" containing "deactivated"
    And slack has no messages in "#access" containing "ada@example.com"
    And slack has no messages in "#access-requests"
    And slack has no messages in "#all-access"

  @R1
  Scenario: Nobody is overlooked, however many there are
    Given okta has the users:
      | login          | firstName | lastName | status     |
      | u1@example.com | U         | One      | LOCKED_OUT |
      | u2@example.com | U         | Two      | LOCKED_OUT |
      | u3@example.com | U         | Three    | LOCKED_OUT |
      | u4@example.com | U         | Four     | LOCKED_OUT |
    And the service is running
    When I POST "/poll"
    Then the status is 200
    And slack has 5 messages in "#access" containing "locked out"

  @R2
  Scenario: A second poll tells nothing new
    Given the service is running
    When I POST "/poll"
    And I POST "/poll"
    Then slack has 2 messages in "#access"

  @R2
  Scenario Outline: After a <end> nothing is told again
    Given the service is running
    When I POST "/poll"
    And <end>
    And the service starts
    And I POST "/poll"
    Then slack has 2 messages in "#access"

    Examples:
      | end                   |
      | the service stops     |
      | the service is killed |

  @R2
  Scenario: Locked out again is told again
    Given the service is running
    When I POST "/poll"
    And okta gets the status:
      | login           | status |
      | bob@example.com | ACTIVE |
    And I POST "/poll"
    Then slack has 1 message in "#access" containing "bob@example.com"
    When 1m passes
    And okta gets the status:
      | login           | status     |
      | bob@example.com | LOCKED_OUT |
    And I POST "/poll"
    Then slack has 2 messages in "#access" containing "bob@example.com"

  @R4
  Scenario: It polls by itself
    Given the service is running
    Then within 10s, slack has 2 messages in "#access"
