//! A file that is still arriving: its bytes in order, each piece checked when it is complete.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::{Artefact, PullError};

/// The bytes that are here, all of them checked but those of the last, incomplete piece.
pub(super) struct Partial<'a> {
    pub(super) artefact: &'a Artefact,
    directory: PathBuf,
    path: PathBuf,
    file: File,
    bytes: u64,
}

/// A piece came whole and is not what it should be; it was taken off again.
pub(super) struct WrongPiece {
    pub(super) index: usize,
}

/// Where the bytes of an unfinished fetch lie.
pub(super) fn path(artefact: &Artefact, directory: &Path) -> PathBuf {
    directory.join(format!("{}.partial", artefact.file_name))
}

impl<'a> Partial<'a> {
    /// Takes up what an earlier fetch left, as far as its pieces are right.
    pub(super) fn open(artefact: &'a Artefact, directory: &Path) -> Result<Self, PullError> {
        let path = path(artefact, directory);
        let failed = |source| PullError::File { doing: "open", path: path.clone(), source };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len().min(artefact.bytes);
        let mut bytes = 0;
        for (index, digest) in artefact.pieces.iter().enumerate() {
            let (start, end) = (artefact.piece_start(index), artefact.piece_start(index + 1));
            if end > length {
                // The rest of an incomplete piece is checked once it is complete.
                bytes = length;
                break;
            }
            if digest_of(&mut file, start, end).map_err(failed)? != *digest {
                bytes = start;
                break;
            }
            bytes = end;
        }
        file.set_len(bytes).map_err(failed)?;
        file.seek(SeekFrom::Start(bytes)).map_err(failed)?;
        Ok(Self { artefact, directory: directory.to_owned(), path, file, bytes })
    }

    /// How many bytes are here.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether all bytes are here.
    pub(super) fn complete(&self) -> bool {
        self.bytes == self.artefact.bytes
    }

    /// The piece that the next byte belongs to.
    pub(super) fn piece(&self) -> usize {
        usize::try_from(self.bytes / self.artefact.piece_bytes).expect("a file has few pieces")
    }

    /// A directory of its own beside the file, for what a source unpacks.
    pub(super) fn scratch(&self) -> PathBuf {
        self.directory.join(format!("{}.scratch", self.artefact.file_name))
    }

    /// Appends what came next, of which bytes past the end are no part.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub(super) fn append(&mut self, mut data: &[u8]) -> Result<Result<(), WrongPiece>, PullError> {
        while !data.is_empty() && !self.complete() {
            let index = self.piece();
            let end = self.artefact.piece_start(index + 1);
            let room = usize::try_from(end - self.bytes).unwrap_or(usize::MAX);
            let (now, later) = data.split_at(data.len().min(room));
            self.file.write_all(now).map_err(|source| self.failed("write", source))?;
            self.bytes += now.len() as u64;
            data = later;
            if self.bytes == end {
                let start = self.artefact.piece_start(index);
                let digest = digest_of(&mut self.file, start, end);
                let digest = digest.map_err(|source| self.failed("read", source))?;
                if digest != self.artefact.pieces[index] {
                    self.cut(start)?;
                    return Ok(Err(WrongPiece { index }));
                }
            }
        }
        Ok(Ok(()))
    }

    /// Takes off all bytes of the piece that is not complete.
    ///
    /// # Errors
    /// When the file cannot be changed.
    pub(super) fn cut_to_piece(&mut self) -> Result<(), PullError> {
        self.cut(self.artefact.piece_start(self.piece()))
    }

    /// Makes it durable and gives it its final name.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub(super) fn finish(self) -> Result<PathBuf, PullError> {
        assert!(self.complete(), "only a complete file gets its name");
        self.file.sync_all().map_err(|source| self.failed("write", source))?;
        let name = self.directory.join(self.artefact.file_name);
        fs::rename(&self.path, &name).map_err(|source| self.failed("rename", source))?;
        Ok(name)
    }

    fn cut(&mut self, bytes: u64) -> Result<(), PullError> {
        self.bytes = bytes;
        self.file
            .set_len(bytes)
            .and_then(|()| self.file.seek(SeekFrom::Start(bytes)))
            .map(|_| ())
            .map_err(|source| self.failed("cut", source))
    }

    fn failed(&self, doing: &'static str, source: io::Error) -> PullError {
        let path = self.path.clone();
        if matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
            return PullError::DiskFull {
                path,
                bytes: self.bytes,
                bytes_total: self.artefact.bytes,
            };
        }
        PullError::File { doing, path, source }
    }
}

/// SHA-256 of the bytes from `start` to `end`, 64 hex digits; the file is left at `end`.
pub(super) fn digest_of(file: &mut File, start: u64, end: u64) -> io::Result<String> {
    file.seek(SeekFrom::Start(start))?;
    let mut hash = Sha256::new();
    let copied = io::copy(&mut file.take(end - start), &mut Hashing(&mut hash))?;
    if copied != end - start {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(base::Digest::from_bytes(hash.finalize().into()).hex())
}

/// `sha2` implements `Write` only with a feature that other crates do not need.
struct Hashing<'a>(&'a mut Sha256);

impl io::Write for Hashing<'_> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.0.update(data);
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
