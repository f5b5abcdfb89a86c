//! Packs: many objects in one stream (gitformat-pack). Deltas are read, and none are written.

use std::collections::HashMap;
use std::io::{Read as _, Write as _};

use bytes::Bytes;
use flate2::Compression;
use flate2::bufread::ZlibDecoder;
use flate2::write::ZlibEncoder;
use sha1::{Digest as _, Sha1};

use super::{
    GitError, Id, Kind, OBJECT_BYTES_MAX, Object, PACK_BYTES_MAX, PACK_OBJECTS_MAX, Repo, Result,
};

const BAD: GitError = GitError::Malformed("the pack");

/// Bytes of the digest at a pack's end.
const TRAILER: usize = 20;

/// An object of a pack that was not taken yet: whole, or made of another.
enum Packed {
    Whole(Object),
    /// Of the object that begins at this byte of the pack.
    OffsetDelta(usize, Vec<u8>),
    /// Of the object of this name, in the pack or in the repository.
    NameDelta(Id, Vec<u8>),
}

/// Puts every object of a pack into a repository; how many there were.
pub(super) fn unpack(repo: &mut Repo<'_>, pack: &[u8]) -> Result<usize> {
    let body = pack.len().checked_sub(TRAILER).ok_or(BAD)?;
    let (body, trailer) = pack.split_at(body);
    if Sha1::digest(body).as_slice() != trailer || body.len() < 12 || &body[..4] != b"PACK" {
        return Err(BAD);
    }
    let number =
        |at: usize| u32::from_be_bytes([body[at], body[at + 1], body[at + 2], body[at + 3]]);
    let count = number(8) as usize;
    if !matches!(number(4), 2 | 3) {
        return Err(BAD);
    }
    if count > PACK_OBJECTS_MAX {
        return Err(GitError::TooMuch { what: "objects in a pack", max: PACK_OBJECTS_MAX });
    }
    let (mut at, mut total) = (12, 0);
    let mut known: HashMap<usize, Id> = HashMap::new();
    let mut deltas: Vec<(usize, Packed)> = Vec::new();
    for _ in 0..count {
        let (packed, next, size) = entry(body, at)?;
        total += size;
        if total > PACK_BYTES_MAX {
            return Err(GitError::TooMuch { what: "bytes in a pack", max: PACK_BYTES_MAX });
        }
        match packed {
            Packed::Whole(object) => drop(known.insert(at, repo.put(&object))),
            delta => deltas.push((at, delta)),
        }
        at = next;
    }
    resolve(repo, deltas, &known, total)?;
    Ok(count)
}

/// What a delta is made of.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Base {
    /// The object that begins at this byte of the pack.
    At(usize),
    Named(Id),
}

/// Applies each delta as soon as its base is known, which is once for each, in whatever order they come.
fn resolve(
    repo: &mut Repo<'_>,
    deltas: Vec<(usize, Packed)>,
    known: &HashMap<usize, Id>,
    mut total: usize,
) -> Result<()> {
    let mut left = deltas.len();
    let mut ready: Vec<(usize, Id, Vec<u8>)> = Vec::new();
    let mut waiting: HashMap<Base, Vec<(usize, Vec<u8>)>> = HashMap::new();
    for (at, delta) in deltas {
        let (base, found, script) = match delta {
            Packed::OffsetDelta(base, script) => {
                (Base::At(base), known.get(&base).copied(), script)
            }
            Packed::NameDelta(base, script) => {
                (Base::Named(base), repo.has(base).then_some(base), script)
            }
            Packed::Whole(_) => continue,
        };
        match found {
            Some(base) => ready.push((at, base, script)),
            None => waiting.entry(base).or_default().push((at, script)),
        }
    }
    while let Some((at, base, script)) = ready.pop() {
        let base = repo.get(base)?;
        let content = patched(&base.content, &script)?;
        total += content.len();
        if total > PACK_BYTES_MAX {
            return Err(GitError::TooMuch { what: "bytes in a pack", max: PACK_BYTES_MAX });
        }
        let made = repo.put(&Object::new(base.kind, content));
        left -= 1;
        for base in [Base::At(at), Base::Named(made)] {
            let freed = waiting.remove(&base).unwrap_or_default();
            ready.extend(freed.into_iter().map(|(at, script)| (at, made, script)));
        }
    }
    if left == 0 { Ok(()) } else { Err(GitError::Malformed("a delta without its base")) }
}

/// The entry that begins at `at`: what it holds, where the next begins, and its unpacked size.
fn entry(body: &[u8], mut at: usize) -> Result<(Packed, usize, usize)> {
    let begin = at;
    let mut next = || {
        let byte = body.get(at).copied();
        at += 1;
        byte.ok_or(BAD)
    };
    let first = next()?;
    let (mut size, mut shift, mut byte) = (usize::from(first & 0x0f), 4, first);
    while byte & 0x80 != 0 {
        byte = next()?;
        if shift > 40 {
            return Err(BAD);
        }
        size |= usize::from(byte & 0x7f) << shift;
        shift += 7;
    }
    if size > OBJECT_BYTES_MAX {
        return Err(GitError::TooMuch { what: "bytes in an object", max: OBJECT_BYTES_MAX });
    }
    let kind = (first >> 4) & 7;
    let mut back = 0;
    if kind == 6 {
        byte = next()?;
        back = usize::from(byte & 0x7f);
        while byte & 0x80 != 0 {
            byte = next()?;
            back = back.checked_add(1).and_then(|n| n.checked_mul(128)).ok_or(BAD)?;
            back |= usize::from(byte & 0x7f);
        }
    }
    let mut name = Id::ZERO;
    if kind == 7 {
        name = Id(body.get(at..at + 20).and_then(|b| b.try_into().ok()).ok_or(BAD)?);
        at += 20;
    }
    let (content, used) = inflate(body.get(at..).ok_or(BAD)?, size)?;
    let packed = match kind {
        1 => Packed::Whole(Object::new(Kind::Commit, content)),
        2 => Packed::Whole(Object::new(Kind::Tree, content)),
        3 => Packed::Whole(Object::new(Kind::Blob, content)),
        4 => Packed::Whole(Object::new(Kind::Tag, content)),
        6 => Packed::OffsetDelta(begin.checked_sub(back).ok_or(BAD)?, content),
        7 => Packed::NameDelta(name, content),
        _ => return Err(BAD),
    };
    Ok((packed, at + used, size))
}

/// Exactly `size` bytes of a zlib stream, and how many bytes of it that took.
fn inflate(stream: &[u8], size: usize) -> Result<(Vec<u8>, usize)> {
    let mut decoder = ZlibDecoder::new(stream);
    // One byte more than expected: a stream that has it is not what it says it is.
    let mut content = Vec::new();
    let most = u64::try_from(size).unwrap_or(u64::MAX).saturating_add(1);
    decoder.by_ref().take(most).read_to_end(&mut content).map_err(|_| BAD)?;
    if content.len() != size {
        return Err(BAD);
    }
    let used = usize::try_from(decoder.total_in()).map_err(|_| BAD)?;
    Ok((content, used))
}

/// A delta's script applied to its base.
fn patched(base: &[u8], script: &[u8]) -> Result<Vec<u8>> {
    const BAD: GitError = GitError::Malformed("a delta");
    let mut at = 0;
    let mut next = || {
        let byte = script.get(at).copied();
        at += 1;
        byte
    };
    let mut size = || {
        let (mut size, mut shift) = (0usize, 0);
        loop {
            let byte = next().filter(|_| shift <= 42).ok_or(BAD)?;
            size |= usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                return Ok::<usize, GitError>(size);
            }
        }
    };
    let (from, to) = (size()?, size()?);
    if from != base.len() || to > OBJECT_BYTES_MAX {
        return Err(BAD);
    }
    let mut made = Vec::with_capacity(to);
    while let Some(order) = script.get(at).copied() {
        at += 1;
        if order & 0x80 != 0 {
            let mut read = |bits: std::ops::Range<u8>| {
                let mut value = 0usize;
                for (place, bit) in bits.enumerate() {
                    if order & (1 << bit) != 0 {
                        value |= usize::from(*script.get(at).ok_or(BAD)?) << (8 * place);
                        at += 1;
                    }
                }
                Ok::<usize, GitError>(value)
            };
            let (offset, length) = (read(0..4)?, read(4..7)?);
            let length = if length == 0 { 0x10000 } else { length };
            let end = offset.checked_add(length).ok_or(BAD)?;
            made.extend_from_slice(base.get(offset..end).ok_or(BAD)?);
        } else {
            let end = at + usize::from(order);
            made.extend_from_slice(script.get(at..end).filter(|_| order > 0).ok_or(BAD)?);
            at = end;
        }
        if made.len() > to {
            return Err(BAD);
        }
    }
    if made.len() == to { Ok(made) } else { Err(BAD) }
}

/// A pack of these objects.
pub(super) fn write(repo: &Repo<'_>, ids: &[Id]) -> Result<Bytes> {
    let mut out = Vec::from(*b"PACK\0\0\0\x02");
    let count = u32::try_from(ids.len()).map_err(|_| BAD)?;
    out.extend_from_slice(&count.to_be_bytes());
    for id in ids {
        let object = repo.get(*id)?;
        let mut size = object.content.len();
        let mut byte = object.kind.number() << 4 | u8::try_from(size & 0x0f).map_err(|_| BAD)?;
        size >>= 4;
        while size > 0 {
            out.push(byte | 0x80);
            byte = u8::try_from(size & 0x7f).map_err(|_| BAD)?;
            size >>= 7;
        }
        out.push(byte);
        let mut encoder = ZlibEncoder::new(&mut out, Compression::fast());
        let written =
            encoder.write_all(&object.content).and_then(|()| encoder.finish().map(|_| ()));
        written.expect("a Vec takes everything");
    }
    let digest = Sha1::digest(&out);
    out.extend_from_slice(&digest);
    Ok(out.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::State;

    fn squeeze(content: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    /// Two blobs: `hello\n`, and what an offset delta makes of it.
    fn packed(delta: &[u8]) -> Vec<u8> {
        let mut pack = Vec::from(*b"PACK\0\0\0\x02\0\0\0\x02");
        let first = pack.len();
        pack.push(3 << 4 | 6);
        pack.extend(squeeze(b"hello\n"));
        let back = pack.len() - first;
        pack.push(6 << 4 | u8::try_from(delta.len()).unwrap());
        pack.push(u8::try_from(back).unwrap());
        pack.extend(squeeze(delta));
        sealed(pack)
    }

    fn sealed(mut pack: Vec<u8>) -> Vec<u8> {
        let digest = Sha1::digest(&pack);
        pack.extend_from_slice(&digest);
        pack
    }

    fn check(pack: &[u8], expected: Result<&[&str], &str>) {
        let mut state = State::new(0);
        let mut repo = Repo::new(&mut state, "r");
        let found = unpack(&mut repo, pack).map_err(|cause| cause.to_string());
        match expected {
            Ok(texts) => {
                assert_eq!(found, Ok(texts.len()));
                for text in texts {
                    let id = Object::new(Kind::Blob, text.as_bytes().to_vec()).id();
                    assert_eq!(repo.blob(id).unwrap(), text.as_bytes());
                }
            }
            Err(cause) => assert_eq!(found, Err(cause.to_owned())),
        }
    }

    #[test]
    fn deltas_copy_and_insert() {
        // From 6 bytes to 8: copy 5 from 0, insert `, x`.
        check(&packed(b"\x06\x08\x90\x05\x03, x"), Ok(&["hello\n", "hello, x"]));
    }

    #[test]
    fn a_chain_of_deltas_may_stand_in_any_order() {
        let texts: Vec<String> = (0..5).map(|n| format!("hello{}", "!".repeat(n))).collect();
        let id = |n: usize| Object::new(Kind::Blob, texts[n].clone().into_bytes()).id();
        let mut pack = Vec::from(*b"PACK\0\0\0\x02\0\0\0\x05");
        for n in (1..5_u8).rev() {
            // All of the one before, and a `!`.
            let script = [4 + n, 5 + n, 0x90, 4 + n, 1, b'!'];
            pack.push(7 << 4 | 6);
            pack.extend(id(usize::from(n) - 1).0);
            pack.extend(squeeze(&script));
        }
        pack.push(3 << 4 | 5);
        pack.extend(squeeze(b"hello"));
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        check(&sealed(pack), Ok(&texts));
    }

    #[test]
    fn a_delta_without_its_base_is_refused() {
        let mut pack = Vec::from(*b"PACK\0\0\0\x02\0\0\0\x01");
        pack.push(7 << 4 | 6);
        pack.extend([7; 20]);
        pack.extend(squeeze(&[5, 6, 0x90, 5, 1, b'!']));
        check(&sealed(pack), Err("a delta without its base is malformed"));
    }

    #[test]
    fn deltas_that_reach_beyond_are_refused() {
        for delta in [
            &b"\x06\x09\x90\x09"[..],
            b"\x06\x03\x90\x05",
            b"\x05\x05\x90\x05",
            b"\x06\x05\x00",
            b"\x06\x05\x7fab",
            b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
        ] {
            check(&packed(delta), Err("a delta is malformed"));
        }
    }

    #[test]
    fn what_is_no_pack_is_refused() {
        let mut wrong_digest = packed(b"\x06\x05\x90\x05");
        *wrong_digest.last_mut().unwrap() ^= 1;
        let many = sealed(Vec::from(*b"PACK\0\0\0\x02\xff\xff\xff\xff"));
        check(&many, Err("more than 200000 objects in a pack"));
        // An object that says it has 2^40 bytes.
        let huge = sealed(b"PACK\0\0\0\x02\0\0\0\x01\xbf\xff\xff\xff\xff\x7f".to_vec());
        check(&huge, Err("more than 104857600 bytes in an object"));
        for pack in [
            vec![],
            wrong_digest,
            sealed(vec![0; 40]),
            sealed(b"PACK\0\0\0\x02\0\0\0\x01".to_vec()),
        ] {
            check(&pack, Err("the pack is malformed"));
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let (mut state, mut other) = (State::new(0), State::new(0));
        let mut repo = Repo::new(&mut state, "r");
        let large = "line\n".repeat(10_000);
        let ids: Vec<Id> = ["", "a", large.as_str()]
            .iter()
            .map(|text| repo.put(&Object::new(Kind::Blob, text.as_bytes().to_vec())))
            .collect();
        let pack = write(&repo, &ids).unwrap();
        let mut copy = Repo::new(&mut other, "c");
        assert_eq!(unpack(&mut copy, &pack).unwrap(), 3);
        assert_eq!(copy.blob(ids[2]).unwrap(), large.as_bytes());
    }
}
