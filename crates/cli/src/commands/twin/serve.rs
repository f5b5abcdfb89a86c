//! `dark twin serve`

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use twin::{Pack, Universe};
use twin_server::{Authority, Clock, Loopback, Options, Proxy, Served};

use super::pack;
use crate::Globals;
use crate::commands::{named, print_json};
use crate::failure::{Answer, Failure};
use crate::stop;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// A service; several get ports in this order [default: all that are built in]
    #[arg(long = "service", value_name = "NAME")]
    services: Vec<String>,
    /// A folder with a pack, served after the services
    #[arg(long = "pack", value_name = "DIR")]
    packs: Vec<PathBuf>,
    /// The port of the first service; 0 lets the system choose all
    #[arg(long, default_value_t = 4100)]
    port: u16,
    /// What the universe holds at the start: YAML, as vercel-labs/emulate's
    #[arg(long, value_name = "FILE")]
    seed: Option<PathBuf>,
    /// What every id and every draw comes from
    #[arg(long, default_value_t = 1, value_name = "N")]
    universe: u64,
    /// `flowing`: time is as it is outside; `logical`: it begins at 2026-01-05T09:00:00Z, or the seed's
    /// `now`, and passes when `/_twin/clock` is told
    #[arg(long, default_value = "flowing", value_parser = ["flowing", "logical"])]
    clock: String,
    /// Do not refuse calls that come faster than the service allows
    #[arg(long)]
    no_rate_limits: bool,
    /// Also answer for the real hostnames over TLS, behind a proxy on this port
    #[arg(long, value_name = "PORT")]
    proxy: Option<u16>,
    /// Where the proxy's certificate authority is written [default: the current directory]
    #[arg(long, value_name = "DIR", requires = "proxy")]
    trust: Option<PathBuf>,
}

/// How often a serving process looks whether it was told to stop.
const LOOK: Duration = Duration::from_millis(100);

pub(super) fn run(globals: &Globals, args: Args) -> Result<Answer, Failure> {
    let packs = chosen(globals, &args)?;
    let clock = if args.clock == "logical" { Clock::Logical } else { Clock::Flowing };
    let mut universe = begin(&packs, args.seed.as_deref(), args.universe, clock)?;
    universe.enforce_rates(!args.no_rate_limits);
    let mut listeners = Vec::new();
    for (index, pack) in packs.iter().enumerate() {
        let offset = u16::try_from(index).unwrap_or(u16::MAX);
        let port = if args.port == 0 { 0 } else { args.port.saturating_add(offset) };
        listeners.push((pack.service().to_owned(), listen(port)?));
    }
    let proxy = args.proxy.map(proxy).transpose()?;
    let told = match &proxy {
        Some(proxy) => Some(trust(proxy, args.trust.as_deref().unwrap_or(Path::new(".")))?),
        None => None,
    };
    let cancel = stop::on_signal();
    let options =
        Options { listeners, clock, dial: Arc::new(Loopback), proxy, canned: None, control: true };
    let served = Served::start(universe, options).map_err(|error| Failure::of(&error))?;
    for (service, address) in served.addresses() {
        if globals.json {
            print_json(
                &serde_json::json!({ "service": service, "url": format!("http://{address}") }),
            );
        } else {
            println!("{service:<8} http://{address}");
        }
    }
    if let Some(told) = told {
        println!("{told}");
    }
    if !globals.json {
        println!("ready; state, clock and faults are at /_twin on each port; Ctrl-C ends");
    }
    give_back();
    while !cancel.is_pulled() {
        std::thread::sleep(LOOK);
    }
    drop(served);
    Ok(Answer::Interrupted)
}

/// Gives the system back what only the start needed, of the heap and of the program's own code: a server waits far
/// longer than it reads. Code that is called again is found in the page cache.
fn give_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: it takes no pointers, and may be called at any time.
    unsafe {
        libc::malloc_trim(0);
    }
    #[cfg(target_os = "linux")]
    for code in own_code() {
        // SAFETY: a mapping of a file that nobody can have written to reads the same when it is mapped anew.
        unsafe { libc::madvise(code.start as *mut libc::c_void, code.len(), libc::MADV_DONTNEED) };
    }
}

/// Where this program's file is mapped to be executed, which is never where it could be written.
#[cfg(target_os = "linux")]
fn own_code() -> Vec<std::ops::Range<usize>> {
    let Ok(program) = fs::read_link("/proc/self/exe") else { return Vec::new() };
    let program = program.to_string_lossy();
    let maps = fs::read_to_string("/proc/self/maps").unwrap_or_default();
    let code = maps.lines().filter_map(|line| {
        let (range, rest) = line.split_once(' ')?;
        let (from, to) = range.split_once('-')?;
        let ours = rest.starts_with("r-xp ") && rest.ends_with(&*program);
        let address = |text| usize::from_str_radix(text, 16).ok();
        ours.then_some(address(from)?..address(to)?)
    });
    code.collect()
}

fn chosen(globals: &Globals, args: &Args) -> Result<Vec<Arc<Pack>>, Failure> {
    let mut names = args.services.clone();
    if names.is_empty() && args.packs.is_empty() {
        let all = Pack::builtin_names().into_iter().filter(|name| *name != "echo");
        names = all.map(str::to_owned).collect();
    }
    let mut packs: Vec<Arc<Pack>> = Vec::new();
    for name in &names {
        packs.push(pack(globals, name)?);
    }
    for folder in &args.packs {
        packs.push(factory::read_pack(named("pack", folder)?)?);
    }
    for (index, one) in packs.iter().enumerate() {
        if packs[..index].iter().any(|other| other.service() == one.service()) {
            return Err(Failure::usage(format!("`{}` is served once", one.service())));
        }
    }
    Ok(packs)
}

/// A universe as its seed file has it begin.
fn begin(
    packs: &[Arc<Pack>],
    seed: Option<&Path>,
    number: u64,
    clock: Clock,
) -> Result<Universe, Failure> {
    let mut read = match seed {
        None => twin::seed::empty(packs),
        Some(path) => {
            let file = path.display().to_string();
            let text = fs::read_to_string(path).map_err(|error| {
                Failure::usage(format!("failed to read the seed {file}: {error}"))
            })?;
            twin::seed::read(&file, &text, packs).map_err(|found| Failure::wanting(&found))?
        }
    };
    // Receivers compare the time of a signature with their own.
    if clock == Clock::Flowing {
        read.now.get_or_insert_with(runner::now);
    }
    read.universe(packs, number).map_err(|error| Failure::of(&error))
}

fn listen(port: u16) -> Result<TcpListener, Failure> {
    TcpListener::bind(("127.0.0.1", port)).map_err(|error| {
        Failure::environment(format!(
            "port {port} cannot be had: {error}; choose another by --port"
        ))
    })
}

fn proxy(port: u16) -> Result<Proxy, Failure> {
    let authority = Authority::new().map_err(|error| Failure::of(&error))?;
    Ok(Proxy { listener: listen(port)?, authority: Arc::new(authority) })
}

/// Writes what clients must trust, and says how they are told.
fn trust(proxy: &Proxy, directory: &Path) -> Result<String, Failure> {
    fs::create_dir_all(directory)?;
    let directory = fs::canonicalize(directory)?;
    let path = directory.join("twins-ca.pem");
    fs::write(&path, proxy.authority.pem())?;
    let (address, path) = (proxy.listener.local_addr()?, path.display());
    let mut lines = vec![
        "# real hostnames over TLS: give the program under test these variables".to_owned(),
        format!("export HTTPS_PROXY=http://{address} HTTP_PROXY=http://{address}"),
        format!("export https_proxy=http://{address} http_proxy=http://{address}"),
        "export NO_PROXY=127.0.0.1,localhost no_proxy=127.0.0.1,localhost".to_owned(),
        "export NODE_USE_ENV_PROXY=1".to_owned(),
    ];
    let trusted = [
        "SSL_CERT_FILE",
        "REQUESTS_CA_BUNDLE",
        "CURL_CA_BUNDLE",
        "GIT_SSL_CAINFO",
        "NODE_EXTRA_CA_CERTS",
    ];
    let variables = trusted.map(|name| format!("{name}={path}"));
    lines.push(format!("export {}", variables.join(" ")));
    let host = address.ip();
    lines.push(format!(
        "# Java: keytool -importcert -noprompt -alias twins -file {path} -keystore twins.p12 -storetype PKCS12 -storepass twins1"
    ));
    lines.push(format!(
        "#       JAVA_TOOL_OPTIONS='-Djavax.net.ssl.trustStore=twins.p12 -Djavax.net.ssl.trustStorePassword=twins1 \
         -Dhttps.proxyHost={host} -Dhttps.proxyPort={}'",
        address.port()
    ));
    Ok(lines.join("\n"))
}
