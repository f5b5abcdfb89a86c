//! `dark lights`

use factory::Factory;

use super::print_json;
use crate::Globals;
use crate::failure::{Answer, Failure};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only this line
    line: Option<String>,
}

pub(crate) fn run(globals: &Globals, args: Args) -> Result<Answer, Failure> {
    let factory = Factory::open_read_only(&globals.start)?;
    let lights = factory::lights(&factory, args.line.as_deref())?;
    for light in &lights {
        if globals.json {
            print_json(light);
            continue;
        }
        let Some(last) = &light.last else {
            println!("{}: no run was proven yet, so that nothing speaks for any level", light.line);
            continue;
        };
        println!(
            "{}: level {} by {} (allowed {})",
            light.line, last.decision.level, last.run, light.level_max
        );
        for term in &last.decision.terms {
            let raisable = term.next.is_some();
            let binds = raisable && last.decision.binding.contains(&term.name);
            println!(
                "    {:<14} {} ({}){}",
                term.name,
                term.level,
                term.value,
                if binds { " <- binds" } else { "" }
            );
            if let (Some(next), true) = (&term.next, binds) {
                println!("    {:<14} to raise it: {next}", "");
            }
        }
    }
    Ok(Answer::Fine)
}
