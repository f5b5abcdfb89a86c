//! One request to a program under test, one response: HTTP/1.1 over a socket that somebody else opened.
//!
//! Small on purpose: everything is bounded, since the other side is a program that nobody has read. It
//! refuses to know redirects, cookies and connections that are used twice.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// Bytes of a response's head, and headers in it.
const HEAD_BYTES_MAX: usize = 64 << 10;
const HEADERS_MAX: usize = 128;

/// What a person could want to compare, and far less than what would hurt us.
const BODY_BYTES_MAX: usize = 8 << 20;

/// A request to the service under test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpRequest {
    pub method: String,
    /// Path and query.
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// What it answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpResponse {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl HttpResponse {
    /// The values of a header, whatever its case, with commas between.
    pub fn header(&self, name: &str) -> String {
        let same = self.headers.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
        same.map(|(_, value)| value.as_str()).collect::<Vec<_>>().join(", ")
    }
}

/// Sends and receives, in `patience` at the most.
pub(crate) fn exchange(
    stream: &mut TcpStream,
    host: &str,
    request: &HttpRequest,
    patience: Duration,
) -> io::Result<HttpResponse> {
    let deadline = Instant::now() + patience;
    let mut wire = Wire { stream, deadline, got: Vec::new() };
    wire.send(host, request)?;
    // Provisional answers (1xx) come before the one that counts.
    for _ in 0..4 {
        let (status, headers) = wire.head()?;
        if !(100..200).contains(&status) {
            // An answer to HEAD tells the length of a body that does not come.
            let body =
                if request.method == "HEAD" { Vec::new() } else { wire.body(status, &headers)? };
            return Ok(HttpResponse { status, headers, body });
        }
    }
    Err(broken("it never gets beyond provisional answers"))
}

fn broken(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why.to_owned())
}

struct Wire<'a> {
    stream: &'a mut TcpStream,
    deadline: Instant,
    /// What was read and not used.
    got: Vec<u8>,
}

impl Wire<'_> {
    fn send(&mut self, host: &str, request: &HttpRequest) -> io::Result<()> {
        let HttpRequest { method, target, headers, body } = request;
        let mut text = format!("{method} {target} HTTP/1.1\r\n");
        let ours = [("host", host), ("connection", "close"), ("accept", "*/*")];
        let own = |name: &str| headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name));
        for (name, value) in ours.iter().filter(|(name, _)| !own(name)) {
            text += &format!("{name}: {value}\r\n");
        }
        for (name, value) in headers {
            text += &format!("{name}: {}\r\n", value.replace(['\r', '\n'], " "));
        }
        if (!body.is_empty() || method != "GET") && !own("content-length") {
            text += &format!("content-length: {}\r\n", body.len());
        }
        let mut bytes = (text + "\r\n").into_bytes();
        bytes.extend_from_slice(body);
        self.stream.set_write_timeout(Some(self.left()?))?;
        match self.stream.write_all(&bytes) {
            // It may have answered, and hung up, before it read everything.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            written => written,
        }
    }

    fn left(&self) -> io::Result<Duration> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
    }

    /// Reads some more; false at the end.
    fn more(&mut self) -> io::Result<bool> {
        let mut chunk = [0; 16 << 10];
        self.stream.set_read_timeout(Some(self.left()?))?;
        match self.stream.read(&mut chunk) {
            Ok(count) => {
                self.got.extend_from_slice(&chunk[..count]);
                Ok(count > 0)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                Err(io::ErrorKind::TimedOut.into())
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(true),
            Err(error) => Err(error),
        }
    }

    fn head(&mut self) -> io::Result<(u16, Vec<(String, String)>)> {
        loop {
            let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
            let mut response = httparse::Response::new(&mut headers);
            match response.parse(&self.got) {
                Ok(httparse::Status::Complete(length)) => {
                    let status = response.code.unwrap_or(0);
                    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                    let headers = response.headers.iter();
                    let headers = headers.map(|one| (one.name.to_owned(), text(one.value)));
                    let headers = headers.collect();
                    self.got.drain(..length);
                    return Ok((status, headers));
                }
                Ok(httparse::Status::Partial) if self.got.len() > HEAD_BYTES_MAX => {
                    return Err(broken("its head has no end"));
                }
                Ok(httparse::Status::Partial) => {
                    if !self.more()? {
                        return Err(broken(if self.got.is_empty() {
                            "it hung up without an answer"
                        } else {
                            "it hung up within its answer's head"
                        }));
                    }
                }
                Err(error) => return Err(broken(&format!("it answered no HTTP: {error}"))),
            }
        }
    }

    fn body(&mut self, status: u16, headers: &[(String, String)]) -> io::Result<Vec<u8>> {
        let header = |name: &str| {
            let found = headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
            found.map(|(_, value)| value.trim())
        };
        if matches!(status, 204 | 304) {
            return Ok(Vec::new());
        }
        if header("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked"))
        {
            return self.chunks();
        }
        if let Some(length) = header("content-length") {
            let length = length.parse::<usize>().map_err(|_| broken("its length is no number"))?;
            return self.exactly(length);
        }
        while self.more()? {
            self.check(self.got.len())?;
        }
        Ok(std::mem::take(&mut self.got))
    }

    fn check(&self, length: usize) -> io::Result<()> {
        if length > BODY_BYTES_MAX { Err(broken("its body is too large")) } else { Ok(()) }
    }

    fn exactly(&mut self, length: usize) -> io::Result<Vec<u8>> {
        self.check(length)?;
        while self.got.len() < length {
            if !self.more()? {
                return Err(broken("it hung up within its answer's body"));
            }
        }
        Ok(self.got.drain(..length).collect())
    }

    fn chunks(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let (length, size) = match httparse::parse_chunk_size(&self.got) {
                Ok(httparse::Status::Complete(read)) => read,
                Ok(httparse::Status::Partial) if self.got.len() < HEAD_BYTES_MAX => {
                    if !self.more()? {
                        return Err(broken("it hung up between chunks"));
                    }
                    continue;
                }
                _ => return Err(broken("its chunks are malformed")),
            };
            self.got.drain(..length);
            let size = usize::try_from(size).unwrap_or(usize::MAX);
            if size == 0 {
                return Ok(body);
            }
            self.check(body.len().saturating_add(size))?;
            body.extend(self.exactly(size)?);
            self.exactly(2)?;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    /// What comes of this answer, sent whole and then hung up.
    fn answered(answer: &'static [u8]) -> Result<HttpResponse, String> {
        asked("POST", answer)
    }

    fn asked(method: &str, answer: &'static [u8]) -> Result<HttpResponse, String> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let peer = std::thread::spawn(move || {
            let (mut peer, _) = listener.accept().unwrap();
            let mut asked = [0; 1000];
            let count = peer.read(&mut asked).unwrap();
            peer.write_all(answer).unwrap();
            String::from_utf8_lossy(&asked[..count]).into_owned()
        });
        let request = HttpRequest {
            method: method.to_owned(),
            target: "/a?b".to_owned(),
            headers: vec![("X-A".to_owned(), "1\r\nX-B: 2".to_owned())],
            body: b"hi".to_vec(),
        };
        let response = exchange(&mut stream, "h:1", &request, Duration::from_secs(60));
        let asked = peer.join().unwrap();
        assert!(asked.starts_with(&format!("{method} /a?b HTTP/1.1\r\nhost: h:1\r\n")), "{asked}");
        assert!(
            asked.contains("X-A: 1  X-B: 2\r\n") && asked.ends_with("content-length: 2\r\n\r\nhi")
        );
        response.map_err(|error| error.to_string())
    }

    fn body(answer: &'static [u8]) -> String {
        String::from_utf8(answered(answer).unwrap().body).unwrap()
    }

    #[test]
    fn bodies_end_where_they_say_or_with_the_connection() {
        assert_eq!(body(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nabc"), "ab");
        assert_eq!(body(b"HTTP/1.0 200 OK\r\n\r\nabc"), "abc");
        let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1;x\r\nc\r\n0\r\n\r\n";
        assert_eq!(body(chunked), "abc");
        assert_eq!(body(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No\r\nA: 1\r\n\r\n"), "");
        let two = answered(b"HTTP/1.1 404 No\r\nA: 1\r\na: 2\r\n\r\n").unwrap();
        assert_eq!(
            (two.status, two.header("A").as_str(), two.header("b").as_str()),
            (404, "1, 2", "")
        );
    }

    #[test]
    fn an_answer_to_head_has_no_body_whatever_length_it_tells() {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n";
        let head = asked("HEAD", answer).unwrap();
        assert_eq!((head.header("content-length").as_str(), head.body.len()), ("9", 0));
    }

    #[test]
    fn broken_answers_are_told() {
        for (answer, why) in [
            (&b""[..], "without an answer"),
            (b"HTTP/1.1 200 OK\r\nA", "head"),
            (b"SMTP ready\r\n\r\n", "no HTTP"),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", "body"),
            (b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nabc", "no number"),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n", "too large"),
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "malformed"),
        ] {
            let error = answered(answer).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }
}
