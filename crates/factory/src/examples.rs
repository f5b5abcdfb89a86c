//! The examples that a new factory can come with: the very files of the `examples` folder.

/// An intent with its scenarios, and what else belongs to it.
#[derive(Debug, PartialEq, Eq)]
pub struct Example {
    /// Of the example, and of its intent.
    pub name: &'static str,
    /// The line that builds it.
    pub line: &'static str,
    /// `(path below the factory, content)`.
    pub files: &'static [(&'static str, &'static str)],
}

macro_rules! files {
    ($from:literal: $($path:literal),* $(,)?) => {
        &[$(($path, include_str!(concat!("../../../examples/", $from, $path)))),*]
    };
}

/// The examples by name; the first is what a factory comes with unless another is named.
pub const EXAMPLES: [Example; 2] = [
    Example {
        name: "roman",
        line: "tools",
        files: files!["": "intents/roman/intent.md", "intents/roman/scenarios/roman.feature"],
    },
    Example {
        name: "access-bot",
        line: "access",
        files: files![
            "access-bot/":
            "README.md",
            "intents/access-bot/intent.md",
            "intents/access-bot/scenarios/command.feature",
            "intents/access-bot/scenarios/faults.feature",
            "intents/access-bot/scenarios/telling.feature",
            "pipelines/access-bot.dot",
            "builds/right-node/bot.js",
            "builds/right-node/run.sh",
            "builds/right-python/bot.py",
            "builds/right-python/run.sh",
            "builds/wrong-channel/bot.py",
            "builds/wrong-channel/run.sh",
            "builds/wrong-doubles/bot.py",
            "builds/wrong-doubles/run.sh",
            "builds/wrong-drops/bot.py",
            "builds/wrong-drops/run.sh",
            "builds/wrong-first-page/bot.py",
            "builds/wrong-first-page/run.sh",
            "builds/wrong-forgets/bot.py",
            "builds/wrong-forgets/run.sh",
            "builds/wrong-unsigned/bot.py",
            "builds/wrong-unsigned/run.sh",
        ],
    },
];

impl Example {
    /// The example called `name`.
    pub fn find(name: &str) -> Option<&'static Self> {
        EXAMPLES.iter().find(|example| example.name == name)
    }
}
