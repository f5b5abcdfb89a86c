//! A service that is played beside a twin of the desk whose pack lies here.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

use intent::{Intent, Scenario, parse_feature};
use sandbox::{Cancel, Choice, Sandbox};
use scenario::{Packs, PlaySettings, Player};
use twin::Pack;

pub(crate) struct Desk {
    pub(crate) intent: Intent,
    pub(crate) packs: Packs,
}

impl Desk {
    /// For what an intent's interface says of the service.
    pub(crate) fn of(intent: &str) -> Self {
        let files =
            [("pack.toml", include_str!("pack.toml")), ("desk.star", include_str!("desk.star"))];
        let files = files.map(|(name, text)| (name.to_owned(), text.to_owned()));
        let pack = Pack::read(&BTreeMap::from(files)).unwrap_or_else(|error| panic!("{error}"));
        let intent = Intent::parse("intent.md", intent).unwrap().0;
        let own = BTreeMap::from([("desk".to_owned(), Arc::new(pack))]);
        let packs = Packs::of(&intent.interface, &own).unwrap();
        Self { intent, packs }
    }

    pub(crate) fn scenarios(&self, feature: &str) -> Vec<Scenario> {
        let read = parse_feature("f.feature", feature, &self.intent.interface);
        read.unwrap_or_else(|found| panic!("{}", found[0]))
    }

    /// With a player of this `bot.py`.
    pub(crate) fn with<T>(
        &self,
        choice: Choice,
        settings: &PlaySettings,
        bot: &str,
        act: impl FnOnce(&Player<'_>) -> T,
    ) -> T {
        let product = tempfile::tempdir().unwrap();
        fs::write(product.path().join("bot.py"), bot).unwrap();
        let (sandbox, cancel) = (Sandbox::open(choice).unwrap(), Cancel::default());
        act(&Player {
            sandbox: &sandbox,
            cancel: &cancel,
            product: product.path(),
            interface: &self.intent.interface,
            packs: &self.packs,
            settings,
        })
    }
}
