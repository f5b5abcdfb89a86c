//! `dark twin record`

use std::net::TcpListener;
use std::path::PathBuf;
use std::time::Duration;

use twin_server::record::Recorder;

use crate::commands::writable;
use crate::failure::{Answer, Failure};
use crate::stop;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The real service, such as https://slack.com
    upstream: String,
    /// Where the recording goes; `dark twin import` reads it
    #[arg(long, value_name = "FILE", default_value = "recording.har")]
    out: PathBuf,
    /// The port on which programs find the service while it is recorded
    #[arg(long, default_value_t = 4200)]
    port: u16,
}

/// How often it looks whether it was told to stop.
const LOOK: Duration = Duration::from_millis(100);

pub(super) fn run(args: Args) -> Result<Answer, Failure> {
    writable("recording", &args.out)?;
    let listener = TcpListener::bind(("127.0.0.1", args.port)).map_err(|error| {
        Failure::environment(format!(
            "port {} cannot be had: {error}; choose another by --port",
            args.port
        ))
    })?;
    let cancel = stop::on_signal();
    let recorder = Recorder::start(listener, &args.upstream, args.out.clone())
        .map_err(|error| Failure::of(&error))?;
    eprintln!(
        "recording {} at http://{}; Ctrl-C ends and writes {}",
        args.upstream,
        recorder.address(),
        args.out.display()
    );
    while !cancel.is_pulled() {
        std::thread::sleep(LOOK);
    }
    let count = recorder.finish().map_err(|error| Failure::of(&error))?;
    eprintln!("{count} exchanges in {}, credentials left out", args.out.display());
    Ok(Answer::Fine)
}
