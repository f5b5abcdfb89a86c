//! The entries of one run as somebody goes through them: all or those of one event name, from the
//! oldest or from the newest, without holding more of them than a page.

use base::RunId;

use crate::rows::{Page, Rows};
use crate::{Entry, Ledger, LedgerError};

/// The first page is small, for who wants only the newest entry.
const PAGE_ENTRIES_FIRST: usize = 4;

/// Beyond this many entries a larger page is no faster.
const PAGE_ENTRIES_MAX: usize = 256;

/// Entries of a run, read as they are asked for. Made by [`Ledger::run_entries`].
///
/// Going through all of them takes the memory of one page; asking for one takes the time of one,
/// however many the run has. Entries that are appended meanwhile are met, when the way leads there.
#[derive(Debug)]
pub struct RunEntries {
    ledger: Ledger,
    run: RunId,
    name: Option<String>,
    newest_first: bool,
    /// Entries between these two are left, neither of them included.
    above: Option<u64>,
    below: Option<u64>,
    page: std::vec::IntoIter<Entry>,
    page_entries: usize,
    is_done: bool,
}

impl RunEntries {
    pub(crate) fn new(ledger: &Ledger, run: &RunId) -> Self {
        Self {
            ledger: ledger.clone(),
            run: run.clone(),
            name: None,
            newest_first: false,
            above: None,
            below: None,
            page: Vec::new().into_iter(),
            page_entries: PAGE_ENTRIES_FIRST,
            is_done: false,
        }
    }

    /// Only those with this event name.
    #[must_use]
    pub fn named(self, name: &str) -> Self {
        Self { name: Some(name.to_owned()), ..self }
    }

    /// Only those with a higher sequence.
    #[must_use]
    pub fn after(self, sequence: u64) -> Self {
        Self { above: Some(sequence), ..self }
    }

    /// The newest first.
    #[must_use]
    pub fn newest_first(self) -> Self {
        Self { newest_first: true, ..self }
    }

    fn turn_page(&mut self) -> Result<(), LedgerError> {
        let page = Page {
            run: &self.run,
            name: self.name.as_deref(),
            above: self.above,
            below: self.below,
            newest_first: self.newest_first,
            limit: self.page_entries,
        };
        let entries = self.ledger.read(|rows: &Rows<'_>| rows.page(&page))?;
        let last = entries.last().map(|entry| entry.sequence);
        self.is_done = last.is_none();
        if self.newest_first {
            self.below = last;
        } else {
            self.above = last;
        }
        self.page_entries = PAGE_ENTRIES_MAX.min(self.page_entries * 4);
        self.page = entries.into_iter();
        Ok(())
    }
}

impl Iterator for RunEntries {
    type Item = Result<Entry, LedgerError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.page.len() == 0
            && !self.is_done
            && let Err(error) = self.turn_page()
        {
            self.is_done = true;
            return Some(Err(error));
        }
        self.page.next().map(Ok)
    }
}

impl std::iter::FusedIterator for RunEntries {}
