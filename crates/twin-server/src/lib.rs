//! How a universe is reached: HTTP on loopback ports, webhooks and sockets to programs under test, a
//! control API. Everything that the pure engine refuses to know is here, and no service's rules are.
//!
//! [`Served::start`] puts a universe on a thread of its own; the caller keeps looking at it, moves its
//! clock, and takes it back when it stops.

mod control;
mod deliver;
mod http1;
mod proxy;
mod pump;
pub mod record;
mod socket;
mod tls;

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::{Notify, watch};
use twin::delivery::{Attempted, Delivery};
use twin::{Reply, TICK, Universe, UniverseError};

use crate::pump::Flow;
pub use crate::tls::{Authority, TlsError};

/// Connections at once: past this the oldest habit of servers is ours too, and new ones are closed.
pub const CONNECTIONS_MAX: usize = 1_024;

/// The largest body of a request, in bytes; more is answered with 413.
pub const BODY_BYTES_MAX: usize = 64 << 20;

/// How a universe is served.
pub struct Options {
    /// Each service with the socket on which it listens. Services that are not listed are reached
    /// through the others' webhooks alone.
    pub listeners: Vec<(String, TcpListener)>,
    pub clock: Clock,
    /// How webhooks reach their receivers.
    pub dial: Arc<dyn Dial>,
    /// A proxy under whose roof the services have their real hostnames, over TLS.
    pub proxy: Option<Proxy>,
    /// Whether `/_twin` answers. A program under test must not reach it: it could take the faults away that it
    /// is tested by. Where it does not, its paths are the service's, which knows none of them.
    pub control: bool,
    /// Instead of a twin, a stateless stub: each operation has one answer, whatever is asked.
    pub canned: Option<Canned>,
}

/// One answer for each operation, by its name.
pub type Canned = BTreeMap<String, twin::Response>;

/// See [`Options::proxy`].
pub struct Proxy {
    pub listener: TcpListener,
    /// Signs for the hostnames; clients must trust it.
    pub authority: Arc<Authority>,
}

/// What moves the logical clock besides requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// Nothing: time passes when it is told to.
    Logical,
    /// Real time, from wherever the universe's clock stands.
    Flowing,
}

/// Opens connections for webhooks.
pub trait Dial: Send + Sync {
    /// A connected stream to `host` and `port`.
    ///
    /// # Errors
    /// When nobody listens there, or the address is not allowed.
    fn dial(&self, host: &str, port: u16) -> io::Result<TcpStream>;
}

/// Stands between programs and a universe, and may falsify what passes.
pub trait Between: Send + Sync {
    /// Takes a program's request to its answer, as [`Universe::step`] does.
    ///
    /// # Errors
    /// As [`Universe::step`].
    fn step(
        &self,
        universe: &mut Universe,
        service: &str,
        request: twin::Request,
    ) -> Result<Reply, UniverseError>;

    /// What the universe is told of an attempt to deliver a webhook.
    fn attempted(&self, delivery: &Delivery, attempted: Attempted) -> Attempted;
}

/// Dials the loopback of this machine, and nothing else: a twin has nothing to say to the world.
#[derive(Debug, Clone, Copy, Default)]
pub struct Loopback;

impl Dial for Loopback {
    fn dial(&self, host: &str, port: u16) -> io::Result<TcpStream> {
        let address = match host {
            "localhost" => IpAddr::from([127, 0, 0, 1]),
            host => host.trim_matches(['[', ']']).parse().unwrap_or(IpAddr::from([0, 0, 0, 0])),
        };
        if !address.is_loopback() {
            let text = format!("webhooks go to loopback addresses only, not to `{host}`");
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, text));
        }
        TcpStream::connect_timeout(&SocketAddr::new(address, port), DIAL_TIMEOUT)
    }
}

/// Loopback answers at once or not at all.
const DIAL_TIMEOUT: Duration = Duration::from_secs(1);

/// Why a universe cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error(transparent)]
    Universe(#[from] UniverseError),
    #[error("failed to set up the server")]
    Io(#[from] io::Error),
}

/// A universe that is being served.
pub struct Served {
    shared: Arc<Shared>,
    addresses: Vec<(String, SocketAddr)>,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

/// What the server's tasks and its owner share.
pub(crate) struct Shared {
    universe: Mutex<Universe>,
    flow: Mutex<Flow>,
    /// What `reset` goes back to, first the universe as it was started.
    snapshots: Mutex<Vec<Universe>>,
    pub(crate) dial: Arc<dyn Dial>,
    /// Rung when timers or webhooks may have fallen due.
    pub(crate) bell: Notify,
    /// Webhooks whose attempt is under way.
    under_way: AtomicUsize,
    quiet: (Mutex<()>, Condvar),
    connections: AtomicUsize,
    /// How often the universe was wound back: what left before reports to nothing that is there now.
    winds: AtomicUsize,
    pub(crate) sockets: socket::Sockets,
    pub(crate) canned: Option<Canned>,
    pub(crate) control: bool,
    pub(crate) between: Option<Arc<dyn Between>>,
}

impl Shared {
    /// The universe, with its clock where it should be now.
    pub(crate) fn universe(&self) -> MutexGuard<'_, Universe> {
        let mut universe = lock(&self.universe);
        lock(&self.flow).bring(&mut universe);
        universe
    }

    pub(crate) fn flow(&self) -> MutexGuard<'_, Flow> {
        lock(&self.flow)
    }

    pub(crate) fn snapshots(&self) -> MutexGuard<'_, Vec<Universe>> {
        lock(&self.snapshots)
    }

    /// Winds the universe back to another; webhooks under way report to nothing from here on.
    pub(crate) fn wind_back(&self, to: Universe) -> MutexGuard<'_, Universe> {
        let mut universe = self.universe();
        let now = universe.now();
        *universe = to;
        // Nobody carries any more what was under way when the snapshot was taken.
        universe.lose_under_way();
        // Real time cannot be wound back: a flowing clock goes on showing it.
        if self.flow().clock() == Clock::Flowing {
            universe.advance_to(now);
        }
        self.winds.fetch_add(1, Ordering::SeqCst);
        self.flow().set(universe.now());
        universe
    }

    /// Takes what is due to carry it out, with the number of the wind that it belongs to. It counts as
    /// under way before anybody can see that it is no longer due.
    pub(crate) fn take_due(&self, universe: &mut Universe) -> (Vec<Delivery>, usize) {
        let due = universe.take_due();
        self.under_way.fetch_add(due.len(), Ordering::SeqCst);
        (due, self.winds.load(Ordering::SeqCst))
    }

    /// Tells the universe what became of a webhook, unless it was wound back meanwhile.
    pub(crate) fn report(&self, wind: usize, delivery: u64, attempted: &Attempted) {
        let mut universe = self.universe();
        if self.winds.load(Ordering::SeqCst) == wind {
            universe.report(delivery, attempted);
        }
    }

    /// Takes a request to its answer. Where the clock jumps, real time counts on from there.
    pub(crate) fn step(&self, service: &str, request: twin::Request) -> Option<Reply> {
        let mut universe = self.universe();
        let before = universe.now();
        // The services of those who ask are the universe's own.
        let reply = match &self.between {
            Some(between) => between.step(&mut universe, service, request),
            None => universe.step(service, request),
        };
        let reply = reply.ok()?;
        if universe.now() != before + TICK + reply.delay {
            self.flow().set(universe.now());
        }
        if universe.has_due() || universe.next_timer().is_some() {
            self.bell.notify_one();
        }
        Some(reply)
    }

    pub(crate) fn arrived(&self) {
        self.under_way.fetch_sub(1, Ordering::SeqCst);
        let _guard = lock(&self.quiet.0);
        self.quiet.1.notify_all();
    }
}

/// A panic elsewhere has been told already; what it held is plain data.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl Served {
    /// Serves a universe until it is stopped or dropped.
    ///
    /// # Errors
    /// An unknown service among the listeners; whatever the system refuses.
    pub fn start(universe: Universe, options: Options) -> Result<Self, ServeError> {
        Self::start_behind(universe, options, None)
    }

    /// The same, with somebody between programs and the universe.
    ///
    /// # Errors
    /// As [`Served::start`].
    pub fn start_behind(
        mut universe: Universe,
        options: Options,
        between: Option<Arc<dyn Between>>,
    ) -> Result<Self, ServeError> {
        let mut addresses = Vec::new();
        for (service, listener) in &options.listeners {
            let address = listener.local_addr()?;
            universe.reach(service, &format!("http://{address}"))?;
            listener.set_nonblocking(true)?;
            addresses.push((service.clone(), address));
        }
        let shared = Arc::new(Shared {
            flow: Mutex::new(Flow::new(options.clock, universe.now())),
            snapshots: Mutex::new(vec![universe.clone()]),
            universe: Mutex::new(universe),
            dial: options.dial,
            bell: Notify::new(),
            under_way: AtomicUsize::new(0),
            quiet: Default::default(),
            connections: AtomicUsize::new(0),
            winds: AtomicUsize::new(0),
            sockets: socket::Sockets::default(),
            canned: options.canned,
            control: options.control,
            between,
        });
        let (stop, stopped) = watch::channel(false);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (inner, listeners, proxy) = (shared.clone(), options.listeners, options.proxy);
        if let Some(proxy) = &proxy {
            proxy.listener.set_nonblocking(true)?;
        }
        let thread = std::thread::Builder::new().name("twins".into()).spawn(move || {
            let local = tokio::task::LocalSet::new();
            local.block_on(&runtime, serve(inner, listeners, proxy, stopped));
        })?;
        Ok(Self { shared, addresses, stop, thread: Some(thread) })
    }

    /// Where a service listens.
    pub fn address(&self, service: &str) -> Option<SocketAddr> {
        self.addresses.iter().find(|(name, _)| name == service).map(|(_, address)| *address)
    }

    pub fn addresses(&self) -> &[(String, SocketAddr)] {
        &self.addresses
    }

    /// The universe, to look at or to change; requests wait meanwhile. What a change sets off is carried
    /// out after [`Served::ring`].
    pub fn universe(&self) -> MutexGuard<'_, Universe> {
        self.shared.universe()
    }

    /// Says that webhooks may have fallen due.
    pub fn ring(&self) {
        self.shared.bell.notify_one();
    }

    /// Lets logical time pass, timer by timer, so that each webhook falls due, is delivered and answered
    /// before time goes on. `patience` bounds the real time that receivers may take in all.
    ///
    /// Returns whether everything that fell due was carried out in that time.
    pub fn advance(&self, by: Duration, patience: Duration) -> bool {
        let until = self.universe().now() + by;
        let deadline = Instant::now() + patience;
        loop {
            if !self.settle(deadline.saturating_duration_since(Instant::now())) {
                return false;
            }
            let mut universe = self.universe();
            let next = universe.next_timer().filter(|next| *next <= until);
            let then = next.unwrap_or(until);
            universe.advance_to(then);
            self.shared.flow().set(universe.now());
            drop(universe);
            if next.is_none() {
                return self.settle(deadline.saturating_duration_since(Instant::now()));
            }
        }
    }

    /// Waits until no webhook is due or under way, for `patience` at the most; whether that came about.
    pub fn settle(&self, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        self.ring();
        let mut guard = lock(&self.shared.quiet.0);
        loop {
            // Both under one look: reports make webhooks due, and what is due leaves, while it is held.
            let universe = self.shared.universe();
            let under_way = self.shared.under_way.load(Ordering::SeqCst);
            if !universe.has_due() && under_way == 0 {
                return true;
            }
            drop(universe);
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            // What is due leaves the outbox without a signal of its own: look again soon.
            let wait = left.min(SETTLE_LOOK);
            let waited = self.shared.quiet.1.wait_timeout(guard, wait);
            guard = waited.unwrap_or_else(std::sync::PoisonError::into_inner).0;
        }
    }

    /// Stops serving: open connections break, and webhooks under way fail. The universe as it is then.
    pub fn stop(mut self) -> Universe {
        self.end();
        let mut universe = lock(&self.shared.universe).clone();
        universe.lose_under_way();
        universe
    }

    fn end(&mut self) {
        let _ = self.stop.send(true);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// How often a settling owner looks whether webhooks have left.
const SETTLE_LOOK: Duration = Duration::from_millis(2);

impl Drop for Served {
    fn drop(&mut self) {
        self.end();
    }
}

async fn serve(
    shared: Arc<Shared>,
    listeners: Vec<(String, TcpListener)>,
    proxy: Option<Proxy>,
    mut stopped: watch::Receiver<bool>,
) {
    for (service, listener) in listeners {
        // Only fails outside a runtime, and we are in one.
        if let Ok(listener) = tokio::net::TcpListener::from_std(listener) {
            tokio::task::spawn_local(http1::listen(shared.clone(), service.into(), listener));
        }
    }
    if let Some(Proxy { listener, authority }) = proxy
        && let Ok(listener) = tokio::net::TcpListener::from_std(listener)
    {
        tokio::task::spawn_local(proxy::listen(shared.clone(), authority, listener));
    }
    tokio::task::spawn_local(pump::pump(shared));
    let _ = stopped.wait_for(|stopped| *stopped).await;
}
