//! Serves packs from folders, for whoever writes one: `twin-serve --pack DIR … --port N [--seed FILE]`.

use std::collections::BTreeMap;
use std::error::Error;
use std::net::TcpListener;
use std::sync::Arc;

use twin::{Pack, Universe};
use twin_server::{Clock, Loopback, Options, Served};

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let (mut packs, mut port, mut seed, mut clock, mut number) =
        (Vec::new(), 4100u16, None, Clock::Flowing, 1u64);
    while let Some(arg) = args.next() {
        let value = args.next().ok_or("a value is missing")?;
        match arg.as_str() {
            "--pack" => packs.push(Arc::new(read(&value)?)),
            "--port" => port = value.parse()?,
            "--seed" => seed = Some(value),
            "--universe-seed" => number = value.parse()?,
            "--clock" if value == "logical" => clock = Clock::Logical,
            "--clock" => clock = Clock::Flowing,
            other => return Err(format!("unknown option {other}").into()),
        }
    }
    let mut universe = Universe::new(&packs, number)?;
    let text = seed.as_ref().map(std::fs::read_to_string).transpose()?.unwrap_or_default();
    let file = seed.unwrap_or_default();
    let read = twin::seed::read(&file, &text, &packs)
        .map_err(|found| found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))?;
    for (service, data) in read.services {
        universe.seed_service(&service, data)?;
    }
    universe.set_faults(read.faults)?;
    let mut listeners = Vec::new();
    for (pack, port) in packs.iter().zip(port..) {
        listeners.push((pack.service().to_owned(), TcpListener::bind(("127.0.0.1", port))?));
    }
    let served = Served::start(
        universe,
        Options {
            listeners,
            clock,
            dial: Arc::new(Loopback),
            proxy: None,
            canned: None,
            control: true,
        },
    )?;
    for (service, address) in served.addresses() {
        println!("{service} http://{address}");
    }
    loop {
        std::thread::park();
    }
}

fn read(folder: &str) -> Result<Pack, Box<dyn Error>> {
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name == "pack.toml" || name.ends_with(".star") {
            files.insert(name, std::fs::read_to_string(entry.path())?);
        }
    }
    Ok(Pack::read(&files)?)
}
