//! A world whose service has somebody between itself and everybody else.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use sandbox::Finished;

use super::{Meddler, between};
use crate::http::{HttpRequest, HttpResponse};
use crate::services::{Ending, Mishap, Services};
use crate::twins::Twins;
use crate::{Played, SandboxWorld, World, WorldError};

pub(crate) struct MeddledWorld<'a> {
    inner: SandboxWorld<'a>,
    meddler: Arc<Meddler>,
    /// Whether the twins are behind the meddler already.
    behind: bool,
}

impl<'a> MeddledWorld<'a> {
    pub(crate) fn new(inner: SandboxWorld<'a>, meddler: Arc<Meddler>) -> Self {
        Self { inner, meddler, behind: false }
    }

    /// What the service left in its directory, once it is ended.
    pub(crate) fn left(&mut self) -> Result<BTreeMap<String, Vec<u8>>, WorldError> {
        Services::end(&mut self.inner, Ending::Kill)?;
        self.inner.files()
    }
}

impl World for MeddledWorld<'_> {
    fn write_file(&mut self, path: &str, content: &[u8]) -> Result<(), WorldError> {
        self.inner.write_file(path, content)
    }

    fn run(
        &mut self,
        words: &[String],
        stdin: &[u8],
        env: &BTreeMap<String, String>,
    ) -> Result<Finished, WorldError> {
        self.inner.run(words, stdin, env)
    }

    fn read_file(&mut self, path: &str) -> Result<Option<Vec<u8>>, WorldError> {
        self.inner.read_file(path)
    }

    fn services(&mut self) -> Result<&mut dyn Services, WorldError> {
        let twins = self.inner.services()?.twins();
        if !self.behind {
            self.behind = true;
            twins.between = Some(between(&self.meddler));
            let faults = self.meddler.faults.clone();
            twins.with(|universe| universe.add_faults(faults)).map_err(WorldError::Twin)?;
        }
        Ok(self)
    }

    fn doubt(&mut self) -> Option<Played> {
        self.inner.doubt()
    }
}

impl Services for MeddledWorld<'_> {
    fn twins(&mut self) -> &mut Twins {
        self.inner.twins()
    }

    fn is_running(&mut self) -> bool {
        self.inner.is_running()
    }

    fn start(&mut self, env: &BTreeMap<String, String>) -> Result<Result<(), Mishap>, WorldError> {
        self.inner.start(env)
    }

    fn end(&mut self, how: Ending) -> Result<(), WorldError> {
        self.inner.end(how)
    }

    fn request(
        &mut self,
        request: &HttpRequest,
    ) -> Result<Result<HttpResponse, Mishap>, WorldError> {
        let answer = self.inner.request(request)?;
        Ok(answer.map(|told| self.meddler.answered(&request.method, &request.target, told)))
    }

    fn wait(&mut self, time: Duration) -> Result<(), WorldError> {
        self.inner.wait(time)
    }
}
