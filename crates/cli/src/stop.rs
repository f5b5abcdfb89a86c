//! Ctrl-C: the first stops cleanly, the second at once.

use sandbox::Cancel;

/// A cord that SIGINT, SIGTERM and SIGHUP pull. Nothing is lost at the second signal either: the
/// ledger is durable at every moment.
pub(crate) fn on_signal() -> Cancel {
    let cancel = Cancel::default();
    let pulled = cancel.clone();
    let handler = move || {
        if pulled.is_pulled() {
            std::process::exit(130);
        }
        pulled.pull();
    };
    // Only a second handler in one process fails; commands set theirs once.
    let _ = ctrlc::set_handler(handler);
    cancel
}
