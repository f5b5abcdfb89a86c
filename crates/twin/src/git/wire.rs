//! Smart HTTP, protocol version 0 (gitprotocol-http, gitprotocol-pack): refs, fetches and pushes as bytes.

use std::collections::{BTreeSet, HashSet};
use std::io::Read as _;

use bytes::Bytes;
use flate2::read::GzDecoder;

use super::walk::reachable;
use super::{
    COMMITS_MAX, GitError, Id, Kind, PACK_BYTES_MAX, PACK_OBJECTS_MAX, Repo, Result, pack,
};

/// The largest payload of a packet on a side band: 65,520 bytes less length and band.
const BAND_BYTES: usize = 65_515;

/// Lines of one request: each ref and each object that the other side names is one.
const LINES_MAX: usize = 200_000;

const AGENT: &str = "agent=git/dark-twin";

/// A change of one ref that somebody asks for.
#[derive(Debug, Clone)]
pub(crate) struct Command {
    pub(crate) name: String,
    pub(crate) old: Id,
    pub(crate) new: Id,
}

/// A push whose objects have been taken.
#[derive(Debug, Clone)]
pub(crate) struct Push {
    pub(crate) commands: Vec<Command>,
    pub(crate) side_band: bool,
    pub(crate) report_status: bool,
    /// Why its pack could not be taken.
    pub(crate) failed: Option<String>,
}

fn packet(out: &mut Vec<u8>, payload: &[u8]) {
    out.extend_from_slice(format!("{:04x}", payload.len() + 4).as_bytes());
    out.extend_from_slice(payload);
}

fn flush(out: &mut Vec<u8>) {
    out.extend_from_slice(b"0000");
}

/// The lines of packets from the front of a body, up to a flush (`None`) each; and what follows them.
fn packets(mut body: &[u8], until: impl Fn(&[Option<Vec<u8>>]) -> bool) -> Result<Packets<'_>> {
    const BAD: GitError = GitError::Malformed("a packet line");
    let mut lines = Vec::new();
    while !body.is_empty() && !until(&lines) {
        if lines.len() >= LINES_MAX {
            return Err(GitError::TooMuch { what: "lines", max: LINES_MAX });
        }
        let size = body.get(..4).and_then(|size| std::str::from_utf8(size).ok()).ok_or(BAD)?;
        let size = usize::from_str_radix(size, 16).map_err(|_| BAD)?;
        if size < 4 {
            lines.push(None);
            body = &body[4..];
            continue;
        }
        let line = body.get(4..size).ok_or(BAD)?;
        lines.push(Some(line.strip_suffix(b"\n").unwrap_or(line).to_vec()));
        body = &body[size..];
    }
    Ok((lines, body))
}

type Packets<'a> = (Vec<Option<Vec<u8>>>, &'a [u8]);

/// What `GET …/info/refs?service=…` answers. `head` is the name of the default branch.
pub(crate) fn advertise(repo: &Repo<'_>, service: &str, head: &str) -> Result<Bytes> {
    let mut out = Vec::new();
    packet(&mut out, format!("# service={service}\n").as_bytes());
    flush(&mut out);
    let fetching = service == "git-upload-pack";
    let default = format!("refs/heads/{head}");
    let mut refs = Vec::new();
    if let (true, Some(id)) = (fetching, repo.read_ref(&default)) {
        refs.push(("HEAD".to_owned(), id));
    }
    for (name, id) in repo.refs("refs/") {
        let peeled = repo.peel(id)?;
        refs.push((name.clone(), id));
        if fetching && peeled != id {
            refs.push((format!("{name}^{{}}"), peeled));
        }
    }
    let able = match fetching {
        true => format!(
            "multi_ack_detailed side-band-64k ofs-delta shallow no-progress include-tag allow-tip-sha1-in-want \
             allow-reachable-sha1-in-want symref=HEAD:{default} object-format=sha1 {AGENT}"
        ),
        false => format!(
            "report-status delete-refs side-band-64k quiet ofs-delta object-format=sha1 {AGENT}"
        ),
    };
    if refs.is_empty() {
        refs.push(("capabilities^{}".to_owned(), Id::ZERO));
    }
    for (index, (name, id)) in refs.iter().enumerate() {
        let able = if index == 0 { format!("\0{able}") } else { String::new() };
        packet(&mut out, format!("{id} {name}{able}\n").as_bytes());
    }
    flush(&mut out);
    Ok(out.into())
}

/// The body of a request, unpacked where the client packed it.
fn plain<'a>(body: &'a [u8], encoding: &str, room: &'a mut Vec<u8>) -> Result<&'a [u8]> {
    if !encoding.contains("gzip") {
        return Ok(body);
    }
    let most = u64::try_from(PACK_BYTES_MAX).unwrap_or(u64::MAX);
    let read = GzDecoder::new(body).take(most).read_to_end(room);
    read.map_err(|_| GitError::Malformed("the gzip body"))?;
    Ok(room)
}

#[derive(Default)]
struct Fetch {
    wants: Vec<Id>,
    haves: Vec<Id>,
    shallow: Vec<Id>,
    deepen: usize,
    side_band: bool,
    /// `multi_ack_detailed`, which Git's own client wants over HTTP.
    detailed: bool,
    done: bool,
}

/// What `POST …/git-upload-pack` answers.
pub(crate) fn upload_pack(repo: &Repo<'_>, body: &[u8], encoding: &str) -> Result<Bytes> {
    let mut room = Vec::new();
    let body = plain(body, encoding, &mut room)?;
    let fetch = read_fetch(body)?;
    let mut out = Vec::new();
    for want in &fetch.wants {
        if !repo.has(*want) {
            packet(&mut out, format!("ERR upload-pack: not our ref {want}\n").as_bytes());
            return Ok(out.into());
        }
    }
    let mut edge = HashSet::new();
    if fetch.deepen > 0 {
        let inside;
        (inside, edge) = shallow(repo, &fetch.wants, fetch.deepen)?;
        for id in edge.iter().collect::<BTreeSet<_>>() {
            packet(&mut out, format!("shallow {id}").as_bytes());
        }
        for id in &fetch.shallow {
            if inside.contains(id) && !edge.contains(id) {
                packet(&mut out, format!("unshallow {id}").as_bytes());
            }
        }
        flush(&mut out);
    }
    // A client that asked for a shallow history reads where it ends before it says what it has.
    if fetch.haves.is_empty() && !fetch.done {
        return Ok(out.into());
    }
    let common: Vec<Id> = fetch.haves.iter().copied().filter(|id| repo.has(*id)).collect();
    acknowledge(&fetch, &common, &mut out);
    if !fetch.done {
        return Ok(out.into());
    }
    let ids = wanted(repo, &fetch, &common, &edge)?;
    let pack = pack::write(repo, &ids)?;
    if fetch.side_band {
        let told = format!("Enumerating objects: {}, done.\n", ids.len());
        packet(&mut out, &[b"\x02", told.as_bytes()].concat());
        for part in pack.chunks(BAND_BYTES) {
            packet(&mut out, &[b"\x01", part].concat());
        }
        flush(&mut out);
    } else {
        out.extend_from_slice(&pack);
    }
    Ok(out.into())
}

/// What is held in common, told as the client wants it told (`multi_ack_detailed` or not at all).
fn acknowledge(fetch: &Fetch, common: &[Id], out: &mut Vec<u8>) {
    let Some(last) = common.last() else { return packet(out, b"NAK\n") };
    if !fetch.detailed {
        return packet(out, format!("ACK {}\n", common[0]).as_bytes());
    }
    for id in common {
        packet(out, format!("ACK {id} common\n").as_bytes());
    }
    if fetch.done {
        packet(out, format!("ACK {last}\n").as_bytes());
    } else {
        packet(out, format!("ACK {last} ready\n").as_bytes());
        packet(out, b"NAK\n");
    }
}

fn read_fetch(body: &[u8]) -> Result<Fetch> {
    const BAD: GitError = GitError::Malformed("the fetch");
    let mut fetch = Fetch::default();
    let (lines, _) = packets(body, |_| false)?;
    for line in lines.into_iter().flatten() {
        let line = String::from_utf8_lossy(&line).into_owned();
        let (word, rest) = line.split_once(' ').unwrap_or((&line, ""));
        let id = || Id::parse(rest.get(..40).unwrap_or_default()).ok_or(BAD);
        match word {
            "want" => {
                fetch.side_band |= rest.split(' ').any(|able| able.starts_with("side-band"));
                fetch.detailed |= rest.contains("multi_ack_detailed");
                fetch.wants.push(id()?);
            }
            "have" => fetch.haves.push(id()?),
            "shallow" => fetch.shallow.push(id()?),
            "deepen" => fetch.deepen = rest.trim().parse().map_err(|_| BAD)?,
            "done" => fetch.done = true,
            _ => return Err(BAD),
        }
    }
    if fetch.wants.is_empty() { Err(BAD) } else { Ok(fetch) }
}

/// The commits within so many steps of the wanted ones, and those of them whose parents are left out.
fn shallow(repo: &Repo<'_>, wants: &[Id], depth: usize) -> Result<(HashSet<Id>, HashSet<Id>)> {
    let (mut inside, mut edge) = (HashSet::new(), HashSet::new());
    let mut level: Vec<Id> = wants.iter().filter_map(|id| repo.peel(*id).ok()).collect();
    for step in 1..=depth.min(COMMITS_MAX) {
        let mut next = Vec::new();
        for id in level {
            if !inside.insert(id) {
                continue;
            }
            let parents = repo.commit(id)?.parents;
            if step == depth && !parents.is_empty() {
                edge.insert(id);
            }
            next.extend(parents);
        }
        if next.is_empty() {
            break;
        }
        level = next;
    }
    Ok((inside, edge))
}

/// The objects that the other side needs: those of the wanted commits which those it has do not hold.
fn wanted(repo: &Repo<'_>, fetch: &Fetch, common: &[Id], edge: &HashSet<Id>) -> Result<Vec<Id>> {
    let mut held = HashSet::new();
    let ended: HashSet<Id> = fetch.shallow.iter().copied().collect();
    let had = walk(repo, common, &ended, &HashSet::new())?;
    // Only the tips are opened: what lay deeper in their past may be sent again, which costs, but is right.
    for id in common {
        if let Ok(commit) = repo.commit(*id) {
            objects(repo, commit.tree, &mut held, &mut Vec::new())?;
        }
    }
    let mut ids = Vec::new();
    let mut tips = Vec::new();
    for want in &fetch.wants {
        let mut id = *want;
        while repo.get(id)?.kind == Kind::Tag {
            if held.insert(id) {
                ids.push(id);
            }
            id = repo.tag(id)?.object;
        }
        match repo.get(id)?.kind {
            Kind::Commit => tips.push(id),
            _ => objects(repo, id, &mut held, &mut ids)?,
        }
    }
    // A client that deepens has commits whose parents it lacks: those are sent though it has the tip.
    let had = if fetch.deepen > 0 { HashSet::new() } else { had };
    let mut commits: Vec<Id> = walk(repo, &tips, edge, &had)?.into_iter().collect();
    commits.sort();
    for id in &commits {
        ids.push(*id);
    }
    for id in &commits {
        objects(repo, repo.commit(*id)?.tree, &mut held, &mut ids)?;
    }
    // Tags of what is sent come along (`include-tag` costs nothing here).
    for (_, id) in repo.refs("refs/tags/") {
        if repo.get(id)?.kind == Kind::Tag
            && commits.binary_search(&repo.peel(id)?).is_ok()
            && held.insert(id)
        {
            ids.push(id);
        }
    }
    Ok(ids)
}

/// Commits from `tips` back, not beyond those in `edge`, and none of `had`.
fn walk(
    repo: &Repo<'_>,
    tips: &[Id],
    edge: &HashSet<Id>,
    had: &HashSet<Id>,
) -> Result<HashSet<Id>> {
    if edge.is_empty() && had.is_empty() {
        let tips: Vec<Id> = tips.iter().filter_map(|id| repo.peel(*id).ok()).collect();
        return reachable(repo, &tips);
    }
    let mut seen = HashSet::new();
    let mut waiting: Vec<Id> = tips.to_vec();
    while let Some(id) = waiting.pop() {
        if had.contains(&id) || !repo.has(id) || !seen.insert(id) {
            continue;
        }
        if seen.len() > COMMITS_MAX {
            return Err(GitError::TooMuch { what: "commits", max: COMMITS_MAX });
        }
        if !edge.contains(&id) {
            waiting.extend(repo.commit(id)?.parents);
        }
    }
    Ok(seen)
}

/// A tree (or blob) and all below it that is not held yet.
fn objects(repo: &Repo<'_>, id: Id, held: &mut HashSet<Id>, ids: &mut Vec<Id>) -> Result<()> {
    let mut waiting = vec![id];
    while let Some(id) = waiting.pop() {
        if !held.insert(id) {
            continue;
        }
        ids.push(id);
        if ids.len() > PACK_OBJECTS_MAX {
            return Err(GitError::TooMuch { what: "objects", max: PACK_OBJECTS_MAX });
        }
        if repo.get(id)?.kind == Kind::Tree {
            let below = repo.tree(id)?;
            let below = below.into_values().filter(|entry| entry.kind() != Kind::Commit);
            waiting.extend(below.map(|entry| entry.id));
        }
    }
    Ok(())
}

/// Reads `POST …/git-receive-pack` and takes its objects. No ref is changed: that is for whoever judges the
/// commands.
pub(crate) fn read_push(repo: &mut Repo<'_>, body: &[u8], encoding: &str) -> Result<Push> {
    const BAD: GitError = GitError::Malformed("the push");
    let mut room = Vec::new();
    let body = plain(body, encoding, &mut room)?;
    let (lines, rest) = packets(body, |lines| matches!(lines.last(), Some(None)))?;
    let mut push =
        Push { commands: Vec::new(), side_band: false, report_status: false, failed: None };
    for line in lines.into_iter().flatten() {
        let line = String::from_utf8_lossy(&line).into_owned();
        let (line, able) = line.split_once('\0').unwrap_or((&line, ""));
        push.side_band |= able.split(' ').any(|able| able == "side-band-64k");
        push.report_status |= able.split(' ').any(|able| able == "report-status");
        let mut words = line.splitn(3, ' ');
        let (Some(old), Some(new), Some(name)) = (words.next(), words.next(), words.next()) else {
            return Err(BAD);
        };
        let (old, new) = (Id::parse(old).ok_or(BAD)?, Id::parse(new).ok_or(BAD)?);
        push.commands.push(Command { name: name.to_owned(), old, new });
    }
    if push.commands.iter().any(|command| !command.new.is_zero()) {
        push.failed = pack::unpack(repo, rest).err().map(|cause| cause.to_string());
    }
    if push.failed.is_none() {
        push.failed = incomplete(repo, &push.commands)?;
    }
    Ok(push)
}

/// The first object that a pushed commit needs and nobody has.
fn incomplete(repo: &Repo<'_>, commands: &[Command]) -> Result<Option<String>> {
    let known: Vec<Id> = repo.refs("refs/").into_iter().map(|(_, id)| id).collect();
    let known: Vec<Id> = known.into_iter().filter_map(|id| repo.peel(id).ok()).collect();
    let had = reachable(repo, &known)?;
    let mut held: HashSet<Id> = HashSet::new();
    let mut waiting: Vec<Id> =
        commands.iter().map(|command| command.new).filter(|id| !id.is_zero()).collect();
    while let Some(id) = waiting.pop() {
        if had.contains(&id) || !held.insert(id) {
            continue;
        }
        if !repo.has(id) {
            return Ok(Some(format!("missing necessary object {id}")));
        }
        match repo.get(id)?.kind {
            Kind::Commit => {
                let commit = repo.commit(id)?;
                waiting.extend(commit.parents);
                waiting.push(commit.tree);
            }
            Kind::Tree => {
                let below = repo.tree(id)?;
                let below = below.into_values().filter(|entry| entry.kind() != Kind::Commit);
                waiting.extend(below.map(|entry| entry.id));
            }
            Kind::Tag => waiting.push(repo.tag(id)?.object),
            Kind::Blob => {}
        }
    }
    Ok(None)
}

/// What `POST …/git-receive-pack` answers: for each ref why it was refused, or that it was not.
pub(crate) fn report(push: &Push, outcomes: &[(String, Option<String>)], told: &str) -> Bytes {
    let mut status = Vec::new();
    let unpacked = push.failed.as_deref().unwrap_or("ok");
    packet(&mut status, format!("unpack {unpacked}\n").as_bytes());
    for (name, refused) in outcomes {
        let line = match refused {
            None => format!("ok {name}\n"),
            Some(reason) => format!("ng {name} {reason}\n"),
        };
        packet(&mut status, line.as_bytes());
    }
    flush(&mut status);
    if !push.report_status {
        status.clear();
    }
    if !push.side_band {
        return status.into();
    }
    let mut out = Vec::new();
    for line in told.lines() {
        packet(&mut out, format!("\u{2}{line}\n").as_bytes());
    }
    for part in status.chunks(BAND_BYTES) {
        packet(&mut out, &[b"\x01", part].concat());
    }
    flush(&mut out);
    out.into()
}
