//! Jira's query language: a query taken apart into clauses, with Jira's own words for what is none.
//!
//! It knows the grammar alone. Which fields there are, what their values mean and how an issue is held
//! against a clause is the pack's to say. Of the history operators it knows `was` and `changed` without
//! their predicates (`by`, `before`, `during`).

mod tokens;

use serde_json::{Value as Json, json};

use self::tokens::{Token, is_reserved, place, sign_of, tokens};

/// Bytes of a query: far above what a person or a program writes.
const QUERY_BYTES_MAX: usize = 16 << 10;

/// How deep parentheses and lists may nest: each level is a call of the reader's.
const DEPTH_MAX: usize = 32;

const OPERATORS: &str =
    "'=', '!=', '<', '>', '<=', '>=', '~', '!~', 'IN', 'NOT IN', 'IS' and 'IS NOT'";

/// A query as `{"where": node or null, "order": [{"field", "descending"}]}`. A node is
/// `{"and": […]}`, `{"or": […]}`, `{"not": node}` or `{"field", "operator", "operand"}`; an operand is
/// `{"text", "quoted"}`, `{"function", "args"}`, `{"empty": true}`, `{"list": […]}`, or null for `changed`.
///
/// # Errors
/// What is wrong, as Jira says it.
pub(crate) fn parse(text: &str) -> Result<Json, String> {
    if text.len() > QUERY_BYTES_MAX {
        return Err(format!("The JQL query is longer than {QUERY_BYTES_MAX} bytes."));
    }
    let mut reader = Reader { tokens: tokens(text)?, text, next: 0, depth: 0 };
    let wanted = match reader.peek() {
        Token::End => Json::Null,
        token if token.is("order") => Json::Null,
        _ => reader.either()?,
    };
    let order = reader.order()?;
    match reader.peek() {
        Token::End => Ok(json!({ "where": wanted, "order": order })),
        _ => Err(reader.got("Expecting either 'OR' or 'AND'", ".")),
    }
}

struct Reader<'a> {
    tokens: Vec<(Token, usize)>,
    text: &'a str,
    next: usize,
    depth: usize,
}

impl Reader<'_> {
    fn peek(&self) -> &Token {
        &self.tokens[self.next].0
    }

    fn take(&mut self) -> Token {
        let token = self.peek().clone();
        self.next += usize::from(token != Token::End);
        token
    }

    fn word(&mut self, word: &str) -> bool {
        let found = self.peek().is(word);
        self.next += usize::from(found);
        found
    }

    fn sign(&mut self, sign: &str) -> bool {
        let found = *self.peek() == Token::Sign(sign_of(sign));
        self.next += usize::from(found);
        found
    }

    /// That something else was wanted, at the next token.
    fn got(&self, wanted: &str, more: &str) -> String {
        let (token, at) = &self.tokens[self.next];
        let place = place(self.text, *at);
        format!("Error in the JQL Query: {wanted} but got '{}'{more}{place}", token.shown())
    }

    fn reserved(&self) -> String {
        let (token, at) = &self.tokens[self.next];
        let place = place(self.text, *at);
        format!(
            "Error in the JQL Query: '{}' is a reserved JQL word. You must surround it in quotation marks to use it in a query.{place}",
            token.shown()
        )
    }

    fn deeper(&mut self) -> Result<(), String> {
        self.depth += 1;
        match self.depth > DEPTH_MAX {
            true => Err(format!("The JQL query nests more than {DEPTH_MAX} levels deep.")),
            false => Ok(()),
        }
    }

    fn either(&mut self) -> Result<Json, String> {
        let mut all = vec![self.both()?];
        while self.word("or") || self.sign("||") || self.sign("|") {
            all.push(self.both()?);
        }
        Ok(joined("or", all))
    }

    fn both(&mut self) -> Result<Json, String> {
        let mut all = vec![self.one()?];
        while self.word("and") || self.sign("&&") || self.sign("&") {
            all.push(self.one()?);
        }
        Ok(joined("and", all))
    }

    fn one(&mut self) -> Result<Json, String> {
        if self.word("not") || self.sign("!") {
            self.deeper()?;
            let inner = self.one()?;
            self.depth -= 1;
            return Ok(json!({ "not": inner }));
        }
        if self.sign("(") {
            self.deeper()?;
            let inner = self.either()?;
            self.depth -= 1;
            self.closed()?;
            return Ok(inner);
        }
        let field = self.field()?;
        let operator = self.operator()?;
        let operand = match operator {
            "changed" => Json::Null,
            _ => self.operand()?,
        };
        Ok(json!({ "field": field, "operator": operator, "operand": operand }))
    }

    fn closed(&mut self) -> Result<(), String> {
        if self.sign(")") {
            return Ok(());
        }
        Err(match self.peek() {
            Token::End => {
                "Error in the JQL Query: Expecting ')' before the end of the query.".to_owned()
            }
            _ => self.got("Expecting ')'", "."),
        })
    }

    fn field(&mut self) -> Result<String, String> {
        match self.peek() {
            Token::End => {
                Err("Error in the JQL Query: Expecting a field name at the end of the query."
                    .to_owned())
            }
            Token::Word(word) if is_reserved(word) => Err(self.reserved()),
            Token::Word(_) | Token::Quoted(_) => Ok(self.take().shown().to_owned()),
            Token::Sign(sign) => {
                let hint = format!(
                    ". You must surround '{sign}' in quotation marks to use it as a field name."
                );
                Err(self.got("Expecting a field name", &hint))
            }
        }
    }

    fn operator(&mut self) -> Result<&'static str, String> {
        for sign in ["=", "!=", "<=", ">=", "<", ">", "~", "!~"] {
            if self.sign(sign) {
                return Ok(sign);
            }
        }
        let start = self.next;
        if self.word("in") {
            return Ok("in");
        }
        if self.word("is") {
            return Ok(if self.word("not") { "is not" } else { "is" });
        }
        if self.word("was") {
            return Ok(match (self.word("not"), self.word("in")) {
                (true, true) => "was not in",
                (true, false) => "was not",
                (false, true) => "was in",
                (false, false) => "was",
            });
        }
        if self.word("changed") {
            return Ok("changed");
        }
        if self.word("not") && self.word("in") {
            return Ok("not in");
        }
        self.next = start;
        let hint = format!(" The valid operators are {OPERATORS}.");
        Err(match self.peek() {
            Token::End => {
                format!(
                    "Error in the JQL Query: Expecting operator before the end of the query.{hint}"
                )
            }
            _ => self.got("Expecting operator", &format!(".{hint}")),
        })
    }

    fn operand(&mut self) -> Result<Json, String> {
        if self.word("empty") || self.word("null") {
            return Ok(json!({ "empty": true }));
        }
        if self.sign("(") {
            self.deeper()?;
            let mut list = vec![self.operand()?];
            while self.sign(",") {
                list.push(self.operand()?);
            }
            self.depth -= 1;
            self.closed()?;
            return Ok(json!({ "list": list }));
        }
        const WANTED: &str = "Expecting either a value, list or function";
        match self.peek() {
            Token::End => {
                Err(format!("Error in the JQL Query: {WANTED} before the end of the query."))
            }
            Token::Word(word) if is_reserved(word) => Err(self.reserved()),
            Token::Sign(sign) => {
                let hint = format!(
                    ". You must surround '{sign}' in quotation marks to use it as a value."
                );
                Err(self.got(WANTED, &hint))
            }
            token => {
                let quoted = matches!(token, Token::Quoted(_));
                let text = self.take().shown().to_owned();
                match !quoted && self.sign("(") {
                    true => Ok(json!({ "function": text, "args": self.arguments()? })),
                    false => Ok(json!({ "text": text, "quoted": quoted })),
                }
            }
        }
    }

    fn arguments(&mut self) -> Result<Vec<String>, String> {
        let mut found = Vec::new();
        while !self.sign(")") {
            if !found.is_empty() && !self.sign(",") {
                self.closed()?;
            }
            match self.peek() {
                Token::Word(_) | Token::Quoted(_) => found.push(self.take().shown().to_owned()),
                Token::End => self.closed()?,
                Token::Sign(_) => return Err(self.got("Expecting ')'", ".")),
            }
        }
        Ok(found)
    }

    fn order(&mut self) -> Result<Vec<Json>, String> {
        if !self.word("order") {
            return Ok(Vec::new());
        }
        if !self.word("by") {
            return Err(self.got("Expecting 'by'", "."));
        }
        let mut found = Vec::new();
        while found.is_empty() || self.sign(",") {
            let field = self.field()?;
            let descending = self.word("desc");
            let explicit = descending || self.word("asc");
            found.push(json!({ "field": field, "descending": descending, "explicit": explicit }));
        }
        Ok(found)
    }
}

fn joined(word: &str, mut all: Vec<Json>) -> Json {
    match all.len() {
        1 => all.remove(0),
        _ => json!({ word: all }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Json {
        json!({ "text": text, "quoted": false })
    }

    #[test]
    fn a_query_is_its_clauses() {
        let query = "project = AB AND (status in (\"In Progress\", Done) OR not labels is empty) order by created DESC, key";
        assert_eq!(
            parse(query).unwrap(),
            json!({
                "where": { "and": [
                    { "field": "project", "operator": "=", "operand": text("AB") },
                    { "or": [
                        { "field": "status", "operator": "in", "operand": { "list": [
                            { "text": "In Progress", "quoted": true }, text("Done"),
                        ] } },
                        { "not": { "field": "labels", "operator": "is", "operand": { "empty": true } } },
                    ] },
                ] },
                "order": [
                    { "field": "created", "descending": true, "explicit": true },
                    { "field": "key", "descending": false, "explicit": false },
                ],
            })
        );
    }

    #[test]
    fn and_binds_tighter_than_or_and_signs_stand_for_words() {
        let plain = parse("a = 1 or b = 2 and c = 3").unwrap();
        assert_eq!(plain["where"]["or"][1]["and"][1]["field"], "c");
        assert_eq!(parse("a = 1 || b = 2 && c = 3").unwrap(), plain);
        assert_eq!(parse("! a = 1").unwrap()["where"]["not"]["field"], "a");
    }

    #[test]
    fn operands_are_values_functions_lists_and_nothing() {
        for (query, expected) in [
            ("assignee = currentUser()", json!({ "function": "currentUser", "args": [] })),
            (
                "a in membersOf(\"x y\", z)",
                json!({ "function": "membersOf", "args": ["x y", "z"] }),
            ),
            ("created >= -7d", text("-7d")),
            ("cf[10001] = 5", text("5")),
            ("a is not NULL", json!({ "empty": true })),
            ("a = 'it\\'s'", json!({ "text": "it's", "quoted": true })),
            ("status changed", Json::Null),
        ] {
            assert_eq!(parse(query).unwrap()["where"]["operand"], expected, "{query}");
        }
        assert_eq!(parse("  ").unwrap(), json!({ "where": null, "order": [] }));
        assert_eq!(parse("a was not in (b)").unwrap()["where"]["operator"], "was not in");
    }

    #[test]
    fn mistakes_are_told_in_jiras_words() {
        for (query, expected) in [
            ("project", "Expecting operator before the end of the query. The valid operators are"),
            (
                "status closed",
                "Expecting operator but got 'closed'. The valid operators are '=', '!=', '<', '>', '<=', '>=', '~', '!~', 'IN', 'NOT IN', 'IS' and 'IS NOT'. (line 1, character 8)",
            ),
            (
                "project =",
                "Expecting either a value, list or function before the end of the query.",
            ),
            (
                "a = = b",
                "Expecting either a value, list or function but got '='. You must surround '=' in quotation marks to use it as a value. (line 1, character 5)",
            ),
            ("a = b AND", "Expecting a field name at the end of the query."),
            ("a = b c = d", "Expecting either 'OR' or 'AND' but got 'c'. (line 1, character 7)"),
            ("(a = b", "Expecting ')' before the end of the query."),
            ("a in (b, c", "Expecting ')' before the end of the query."),
            ("a = \"b", "The quoted string 'b' has not been completed. (line 1, character 5)"),
            (
                "a = b@c",
                "The character '@' is a reserved JQL character. You must enclose it in a string or use the escape '\\u0040' instead. (line 1, character 6)",
            ),
            (
                "a = b and\nc = order",
                "'order' is a reserved JQL word. You must surround it in quotation marks to use it in a query. (line 2, character 5)",
            ),
            ("a = b order c", "Expecting 'by' but got 'c'. (line 1, character 13)"),
        ] {
            let told = parse(query).unwrap_err();
            assert!(told.contains(expected), "{query}: {told}");
        }
        assert!(parse(&format!("{}a = b", "(".repeat(DEPTH_MAX + 1))).is_err());
        assert!(parse(&"x".repeat(QUERY_BYTES_MAX + 1)).is_err());
    }

    proptest::proptest! {
        #[test]
        fn no_text_breaks_the_reader(text in "[a-c.\"'()\\[\\],=!<>~&|@ inotrdeby0-9éπ\\\\]{0,60}") {
            let _ = parse(&text);
        }
    }
}
