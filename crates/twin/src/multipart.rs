//! `multipart/form-data` (RFC 7578): a body as its parts.

use bytes::Bytes;

/// One part: a field, or a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) name: String,
    /// The file's name, where it is one.
    pub(crate) file: Option<String>,
    pub(crate) content_type: String,
    pub(crate) content: Bytes,
}

/// What is wrong with a multipart body.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum MultipartError {
    #[error("the multipart body has no closing boundary")]
    Unclosed,
    #[error("a part of the multipart body has no name")]
    Nameless,
    #[error("the multipart body has more than {0} parts")]
    TooMany(usize),
}

/// The parts of a body; they share its bytes.
pub(crate) fn parts(
    body: &Bytes,
    boundary: &str,
    parts_max: usize,
) -> Result<Vec<Part>, MultipartError> {
    let mark = format!("--{boundary}");
    let mut parts = Vec::new();
    let mut at = find(body, 0, mark.as_bytes()).ok_or(MultipartError::Unclosed)? + mark.len();
    loop {
        if body[at..].starts_with(b"--") {
            return Ok(parts);
        }
        if parts.len() >= parts_max {
            return Err(MultipartError::TooMany(parts_max));
        }
        let start = at + body[at..].iter().position(|byte| *byte == b'\n').unwrap_or(0) + 1;
        let next = format!("\r\n{mark}");
        let end = find(body, start.min(body.len()).saturating_sub(2), next.as_bytes())
            .ok_or(MultipartError::Unclosed)?;
        let inside = body.slice(start.min(end)..end);
        parts.push(part(&inside)?);
        at = end + next.len();
    }
}

fn part(inside: &Bytes) -> Result<Part, MultipartError> {
    let (head, content) = match find(inside, 0, b"\r\n\r\n") {
        Some(gap) => (inside.slice(..gap), inside.slice(gap + 4..)),
        None => (inside.clone(), Bytes::new()),
    };
    let head = String::from_utf8_lossy(&head);
    let header = |wanted: &str| {
        head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.trim().eq_ignore_ascii_case(wanted).then(|| value.trim().to_owned())
        })
    };
    let disposition = header("content-disposition").unwrap_or_default();
    let name = parameter(&disposition, "name").ok_or(MultipartError::Nameless)?;
    let content_type = header("content-type").unwrap_or_else(|| "text/plain".to_owned());
    Ok(Part { name, file: parameter(&disposition, "filename"), content_type, content })
}

/// A parameter of a header's value; quotes may hold semicolons.
fn parameter(header: &str, wanted: &str) -> Option<String> {
    let mut quoted = false;
    let split = header.split(|c| {
        quoted ^= c == '"';
        c == ';' && !quoted
    });
    split.skip(1).find_map(|part| {
        let (name, value) = part.trim().split_once('=')?;
        name.eq_ignore_ascii_case(wanted).then(|| value.trim_matches('"').to_owned())
    })
}

fn find(bytes: &[u8], from: usize, wanted: &[u8]) -> Option<usize> {
    memchr::memmem::find(&bytes[from..], wanted).map(|at| at + from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_and_files_are_told_apart() {
        let body = "--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--B\r\n\
            Content-Disposition: form-data; name=\"f\"; filename=\"x;y.bin\"\r\nContent-Type: image/png\r\n\r\n\
            \r\nraw\r\n\r\n--B--\r\n";
        let parts = parts(&Bytes::from_static(body.as_bytes()), "B", 10).unwrap();
        assert_eq!((parts[0].name.as_str(), &parts[0].content[..]), ("a", &b"1"[..]));
        assert_eq!(parts[1].file.as_deref(), Some("x;y.bin"));
        assert_eq!(
            (parts[1].content_type.as_str(), &parts[1].content[..]),
            ("image/png", &b"\r\nraw\r\n"[..])
        );
    }

    #[test]
    fn what_breaks_off_is_refused() {
        let check = |text: &str, expected| {
            assert_eq!(parts(&Bytes::from(text.to_owned()), "B", 1), Err(expected), "{text}");
        };
        check("", MultipartError::Unclosed);
        check("--B", MultipartError::Unclosed);
        check(
            "--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1",
            MultipartError::Unclosed,
        );
        check("--B\r\n\r\n\r\n1\r\n--B--", MultipartError::Nameless);
        let one = "\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--B";
        check(&format!("--B{one}{one}--"), MultipartError::TooMany(1));
    }
}
