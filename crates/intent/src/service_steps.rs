//! The forms of steps about services and their twins: the second half of the step library.
//!
//! It refuses to know which services and twins an intent declares; reading a step looks that up.

use crate::args::Args;
use crate::steps::StepForm;
use crate::steps::StepKeyword::{self, Given, Then, When};
use crate::{Body, Expect, JsonExpect, Query, Row, ServiceStep, StepKind};

const fn form(
    keyword: StepKeyword,
    pattern: &'static str,
    doc: &'static str,
    build: fn(&mut Args) -> Vec<StepKind>,
) -> StepForm {
    StepForm { keyword, pattern, doc, table: None, columns: false, build }
}

/// One with a table of any columns below it.
const fn tabled(
    keyword: StepKeyword,
    pattern: &'static str,
    doc: &'static str,
    build: fn(&mut Args) -> Vec<StepKind>,
) -> StepForm {
    StepForm { columns: true, ..form(keyword, pattern, doc, build) }
}

fn one(step: ServiceStep) -> Vec<StepKind> {
    vec![StepKind::Service(step)]
}

#[rustfmt::skip]
pub(crate) const SERVICE_FORMS: &[StepForm] = &[
    form(Given, "the service is running", "start the service, unless it runs, and wait until it is ready",
        |_| one(ServiceStep::Running)),
    tabled(Given, "SERVICE has the faults:", "what goes wrong: rules by the fields `operation`, `actor`, `nth`, `times`, `fault`, `retry_after`, `status`, `ms`, `bytes`",
        |a| one(ServiceStep::Fails { service: a.text(), rules: a.table() })),
    tabled(Given, "SERVICE has|gets the KIND:", "each row to the twin's step function for it: `users` to `step_user`",
        Args::tell),
    form(Given, r#"SERVICE answers the first COUNT "OPERATION" with STATUS"#, "so many calls are refused: 429 with `Retry-After: 1`, or an error of the server's, 500 to 599",
        Args::refusals),
    form(Given, r#"SERVICE loses the response to "OPERATION" number COUNT"#, "the call is done, and the connection reset before its answer",
        |a| a.nth_fault("lost_response")),
    form(Given, r#"SERVICE resets the connection of "OPERATION" number COUNT"#, "the connection is reset before the call did anything",
        |a| a.nth_fault("reset")),
    form(Given, r#"SERVICE answers "OPERATION" late by TIME"#, "each answer comes so much later",
        Args::latency),
    form(Given, r#"the request header "HEADER" is "TEXT""#, "a header of the next request",
        |a| one(ServiceStep::GivenHeader { name: a.text(), value: a.text() })),
    form(When, r#"I GET|POST|PUT|PATCH|DELETE "TARGET""#, "a request to the service, without a body",
        |a| a.request(|_| Body::None)),
    form(When, r#"I POST|PUT|PATCH|DELETE "TARGET" with the JSON:"#, "a request with this JSON",
        |a| a.request(|a| Body::Json(a.text()))),
    form(When, r#"I POST|PUT|PATCH|DELETE "TARGET" with the text:"#, "a request with exactly this text",
        |a| a.request(|a| Body::Text(a.text()))),
    StepForm { table: Some(["field", "value"]), ..form(When, r#"I POST|PUT|PATCH|DELETE "TARGET" with the form:"#, "a request with a form, URL-encoded",
        |a| a.request(|a| Body::Form(a.pairs()))) },
    form(When, "the service starts|stops|restarts", "it stops by SIGTERM, and by SIGKILL after two seconds; its files stay",
        |a| one(match a.text().as_str() {
            "starts" => ServiceStep::Starts,
            "stops" => ServiceStep::Stops,
            _ => ServiceStep::Restarts,
        })),
    form(When, "the service is killed", "SIGKILL, as in a power cut; its files stay",
        |_| one(ServiceStep::Killed)),
    form(When, "TIME passes", "the twins' clock moves: what falls due meanwhile happens, webhooks arrive",
        |a| one(ServiceStep::Passes { time: a.time() })),
    form(When, "I wait TIME", "real time passes, for what the service does of itself",
        |a| one(ServiceStep::Waits { time: a.time() })),
    form(When, r#"I keep the JSON at "JSONPATH" as "NAME""#, "from here on `{NAME}` stands for it in any text",
        |a| one(ServiceStep::KeepJson { path: a.json_path(), name: a.text() })),
    form(When, r#"I keep the header "HEADER" as "NAME""#, "from here on `{NAME}` stands for it in any text",
        |a| one(ServiceStep::KeepHeader { header: a.text(), name: a.text() })),
    form(Then, r#"I keep the JSON at "JSONPATH" as "NAME""#, "the same, behind an expectation",
        |a| one(ServiceStep::KeepJson { path: a.json_path(), name: a.text() })),
    form(Then, r#"I keep the header "HEADER" as "NAME""#, "the same, behind an expectation",
        |a| one(ServiceStep::KeepHeader { header: a.text(), name: a.text() })),
    form(Then, "the service is running", "it has not come to an end",
        |_| one(ServiceStep::StillRunning)),
    form(Then, "the status is STATUS", "of the response to the last request",
        |a| one(ServiceStep::Status { code: a.number() as u16 })),
    form(Then, r#"the response is "TEXT""#, "its whole body; one newline at the end is ignored",
        |a| a.response(|a| Expect::Is { text: a.text() })),
    form(Then, "the response is:", "its whole body, line by line",
        |a| a.response(|a| Expect::Is { text: a.lines() })),
    form(Then, r#"the response contains "TEXT""#, "the text is somewhere in its body",
        |a| a.response(|a| Expect::Contains { text: a.text() })),
    form(Then, r#"the response does not contain "TEXT""#, "the text is nowhere in its body",
        |a| a.response(|a| Expect::Lacks { text: a.text() })),
    form(Then, r#"the response matches "REGEX""#, "the pattern is found in its body",
        |a| a.response(|a| Expect::Matches { pattern: a.text() })),
    form(Then, "the response is empty", "its body has not one byte",
        |a| a.response(|_| Expect::Empty)),
    form(Then, r#"the header "HEADER" is "TEXT""#, "a header of the response; one that is not there is empty",
        |a| a.header(|text| Expect::Is { text })),
    form(Then, r#"the header "HEADER" contains "TEXT""#, "the text is somewhere in that header",
        |a| a.header(|text| Expect::Contains { text })),
    form(Then, r#"the JSON at "JSONPATH" is "TEXT""#, "a string of the response; `$.items[0].name`, `$[-1]`, `$[\"a b\"]`",
        |a| a.json(|a| JsonExpect::Text(Expect::Is { text: a.text() }))),
    form(Then, r#"the JSON at "JSONPATH" is VALUE"#, "a number, `true`, `false` or `null`",
        |a| a.json(|a| JsonExpect::Is(a.text()))),
    form(Then, r#"the JSON at "JSONPATH" is:"#, "any JSON, in whatever order its keys are",
        |a| a.json(|a| JsonExpect::Is(a.text()))),
    form(Then, r#"the JSON at "JSONPATH" contains "TEXT""#, "the text is somewhere in that string",
        |a| a.json(|a| JsonExpect::Text(Expect::Contains { text: a.text() }))),
    form(Then, r#"the JSON at "JSONPATH" matches "REGEX""#, "the pattern is found in that string",
        |a| a.json(|a| JsonExpect::Text(Expect::Matches { pattern: a.text() }))),
    form(Then, r#"the JSON at "JSONPATH" has COUNT items"#, "a list of so many",
        |a| a.json(|a| JsonExpect::Items(a.number()))),
    form(Then, r#"the JSON at "JSONPATH" exists"#, "there is a value, `null` too",
        |a| a.json(|_| JsonExpect::Exists)),
    form(Then, r#"the JSON at "JSONPATH" does not exist"#, "there is none",
        |a| a.json(|_| JsonExpect::Missing)),
    form(Then, "SERVICE has COUNT KIND", "the twin's step function for `KIND` gives so many records",
        |a| a.counts(false, false)),
    form(Then, r#"SERVICE has COUNT KIND containing "TEXT""#, "so many of them have the text in one of their values",
        |a| a.counts(false, true)),
    form(Then, r#"SERVICE has COUNT KIND in|for "WHERE""#, "`in` is handed to the twin as `channel`, `for` as `user`",
        |a| a.counts(true, false)),
    form(Then, r#"SERVICE has COUNT KIND in|for "WHERE" containing "TEXT""#, "so many of those have the text in one of their values",
        |a| a.counts(true, true)),
    tabled(Then, "the KIND of SERVICE are:", "these records in this order; columns that are not shown are not looked at",
        |a| a.records(false)),
    tabled(Then, r#"the KIND of SERVICE in|for "WHERE" are:"#, "the same of one place or person",
        |a| a.records(true)),
    form(Then, r#"SERVICE was asked for "OPERATION" COUNT times"#, "so many calls, refused and failed ones too",
        |a| a.asked(false)),
    form(Then, r#"SERVICE was asked for "OPERATION" at least COUNT times"#, "so many calls or more",
        |a| a.asked(true)),
    form(Then, r#"SERVICE was not asked for "OPERATION""#, "not one call",
        |a| one(ServiceStep::Asked { service: a.text(), operation: a.text(), count: 0, or_more: false })),
];

impl Args {
    fn tell(&mut self) -> Vec<StepKind> {
        let service = self.text();
        self.text(); // `has` and `gets` are one.
        one(ServiceStep::Tell { service, kind: self.text(), rows: self.table() })
    }

    fn refusals(&mut self) -> Vec<StepKind> {
        let (service, times, operation, status) =
            (self.text(), self.number(), self.text(), self.number());
        let mut rule = rule(operation, "server_error");
        rule.insert("times".to_owned(), times.to_string());
        if status == 429 {
            rule.insert("fault".to_owned(), "rate_limited".to_owned());
            rule.insert("retry_after".to_owned(), "1".to_owned());
        } else {
            rule.insert("status".to_owned(), status.to_string());
        }
        one(ServiceStep::Fails { service, rules: vec![rule] })
    }

    fn nth_fault(&mut self, fault: &str) -> Vec<StepKind> {
        let (service, operation, nth) = (self.text(), self.text(), self.number());
        let mut rule = rule(operation, fault);
        rule.insert("nth".to_owned(), nth.to_string());
        one(ServiceStep::Fails { service, rules: vec![rule] })
    }

    fn latency(&mut self) -> Vec<StepKind> {
        let (service, operation, late) = (self.text(), self.text(), self.time());
        let mut rule = rule(operation, "latency");
        rule.insert("times".to_owned(), "0".to_owned());
        rule.insert("ms".to_owned(), late.as_millis().to_string());
        one(ServiceStep::Fails { service, rules: vec![rule] })
    }

    fn request(&mut self, body: fn(&mut Self) -> Body) -> Vec<StepKind> {
        let (method, target) = (self.text(), self.text());
        one(ServiceStep::Request { method, target, body: body(self) })
    }

    fn response(&mut self, expect: fn(&mut Self) -> Expect) -> Vec<StepKind> {
        one(ServiceStep::Response { expect: expect(self) })
    }

    fn header(&mut self, expect: fn(String) -> Expect) -> Vec<StepKind> {
        one(ServiceStep::ResponseHeader { name: self.text(), expect: expect(self.text()) })
    }

    fn json(&mut self, expect: fn(&mut Self) -> JsonExpect) -> Vec<StepKind> {
        one(ServiceStep::Json { path: self.json_path(), expect: expect(self) })
    }

    fn counts(&mut self, placed: bool, containing: bool) -> Vec<StepKind> {
        let (service, count, kind) = (self.text(), self.number(), self.text());
        let place = placed.then(|| (self.text(), self.text()));
        let containing = containing.then(|| self.text());
        one(ServiceStep::Counts { of: Query { service, kind, place }, containing, count })
    }

    fn records(&mut self, placed: bool) -> Vec<StepKind> {
        let (kind, service) = (self.text(), self.text());
        let place = placed.then(|| (self.text(), self.text()));
        one(ServiceStep::Are { of: Query { service, kind, place }, rows: self.table() })
    }

    fn asked(&mut self, or_more: bool) -> Vec<StepKind> {
        let (service, operation, count) = (self.text(), self.text(), self.number());
        one(ServiceStep::Asked { service, operation, count, or_more })
    }
}

fn rule(operation: String, fault: &str) -> Row {
    Row::from([("operation".to_owned(), operation), ("fault".to_owned(), fault.to_owned())])
}
