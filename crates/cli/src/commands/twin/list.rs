//! `dark twin list`

use std::sync::Arc;

use base::nearest;
use twin::Pack;

use super::own_packs;
use crate::Globals;
use crate::commands::print_json;
use crate::failure::{Answer, Failure};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only this one, with its operations and the words that scenarios may use of it
    service: Option<String>,
}

pub(super) fn run(globals: &Globals, args: &Args) -> Result<Answer, Failure> {
    let mut packs = Vec::new();
    let mut answer = Answer::Fine;
    for folder in own_packs(globals) {
        // One that is broken hides no other.
        match factory::expect_named(&folder, |_| true).and_then(|()| factory::read_pack(&folder)) {
            Ok(pack) => packs.push((pack, folder.display().to_string())),
            Err(error) => {
                eprintln!("dark: {}", base::chain(&error));
                answer = Answer::Wanting;
            }
        }
    }
    for name in Pack::builtin_names() {
        let pack = Pack::builtin(name).map_err(|error| Failure::of(&error))?;
        packs.push((pack, "built in".to_owned()));
    }
    let Some(service) = &args.service else {
        packs.iter().for_each(|(pack, from)| line(globals, pack, from));
        return Ok(answer);
    };
    match packs.iter().find(|(pack, _)| pack.service() == service) {
        Some((pack, from)) if globals.json => line(globals, pack, from),
        Some((pack, from)) => whole(pack, from),
        None => {
            let near = nearest(service, packs.iter().map(|(pack, _)| pack.service()));
            let near = near.map(|near| format!(": did you mean `{near}`?")).unwrap_or_default();
            return Err(Failure::usage(format!("there is no twin `{service}`{near}")));
        }
    }
    Ok(answer)
}

fn line(globals: &Globals, pack: &Arc<Pack>, from: &str) {
    let (manifest, operations) = (pack.manifest(), pack.operations().count());
    if globals.json {
        print_json(&serde_json::json!({
            "service": pack.service(), "title": manifest.title, "hosts": manifest.hosts,
            "operations": pack.operations().collect::<Vec<_>>(),
            "steps": pack.step_words().collect::<Vec<_>>(), "from": from,
        }));
    } else {
        let hosts = manifest.hosts.join(", ");
        println!("{:<8} {operations:>4} operations  {hosts}  ({from})", pack.service());
    }
}

fn whole(pack: &Pack, from: &str) {
    println!("{}: {} ({from})", pack.service(), pack.manifest().title);
    println!("hosts       {}", pack.manifest().hosts.join(", "));
    println!("in steps    {}", pack.step_words().collect::<Vec<_>>().join(", "));
    println!("operations");
    pack.operations().for_each(|operation| println!("  {operation}"));
}
