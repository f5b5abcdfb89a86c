//! `dark twin list`

use twin::Pack;

use super::own_packs;
use crate::Globals;
use crate::commands::print_json;
use crate::failure::{Answer, Failure};

pub(super) fn run(globals: &Globals) -> Result<Answer, Failure> {
    let mut packs = Vec::new();
    for folder in own_packs(globals) {
        packs.push((factory::read_pack(&folder)?, folder.display().to_string()));
    }
    for name in Pack::builtin_names() {
        let pack = Pack::builtin(name).map_err(|error| Failure::of(&error))?;
        packs.push((pack, "built in".to_owned()));
    }
    for (pack, from) in packs {
        let (manifest, operations) = (pack.manifest(), pack.operations().count());
        if globals.json {
            print_json(&serde_json::json!({
                "service": pack.service(), "title": manifest.title, "hosts": manifest.hosts,
                "operations": pack.operations().collect::<Vec<_>>(), "from": from,
            }));
        } else {
            let hosts = manifest.hosts.join(", ");
            println!("{:<8} {operations:>4} operations  {hosts}  ({from})", pack.service());
        }
    }
    Ok(Answer::Fine)
}
