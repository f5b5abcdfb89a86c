//! How hard [`Candidates`](crate::Candidates) tries: every bound of a build, with its reason.
//!
//! It refuses to know what is built.

/// The bounds of one build.
#[derive(Debug, Clone, PartialEq)]
pub struct Strategy {
    /// Tried in turn until the candidates that pass agree; each is one call of the model.
    pub batches: Vec<Batch>,
    /// How many near misses get one turn of repair when no candidate passed.
    pub repairs_max: usize,
    /// Each turn of repair.
    pub repair: Batch,
    /// Nucleus sampling's share, in (0, 1].
    pub top_p: f64,
    /// The most tokens of an answer that holds whole files.
    pub tokens_max: u32,
    /// The most tokens of an answer that holds one function.
    pub part_tokens_max: u32,
    /// So many passing answers that behave alike, and more than half of all that pass, end the build.
    pub votes_enough: u32,
    /// The most generated calls on which passing candidates are compared.
    pub probes_max: usize,
    /// Whether the notes of earlier stages are shown to the model.
    pub notes: bool,
}

/// One call of the model.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Batch {
    pub shape: Shape,
    /// Answers, 1 to [`model::CANDIDATES_MAX`].
    pub candidates: u32,
    pub temperature: f64,
}

/// How the task is put to the model. Different shapes make different mistakes, which different seeds
/// alone do not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// The two functions of a frame, each asked for alone: `candidates` answers each. Passed over where no
    /// frame fits the intent.
    Parts,
    /// The intent and what is asked for.
    Plain,
    /// A small finished task in the same language first, in the style that is wanted.
    Worked,
    /// One function for each requirement.
    Functions,
}

impl Strategy {
    /// For a service, which takes a model that writes whole programs: there is nothing to compare
    /// candidates by but the visible checks, so that the first that passes them is taken.
    pub(crate) fn service() -> Self {
        let batch =
            |candidates, temperature| Batch { shape: Shape::Plain, candidates, temperature };
        Self {
            // Two in case one breaks off; then a few from further apart. Each may cost as much as fifty
            // small programs.
            batches: vec![batch(2, 0.2), batch(4, 0.8)],
            repairs_max: 2,
            repair: batch(2, 0.2),
            // A service of 500 lines with a file to start it; the local model's window cannot hold it.
            tokens_max: 8_000,
            votes_enough: 1,
            probes_max: 0,
            notes: true,
            ..Self::default()
        }
    }
}

impl Default for Strategy {
    /// For a local model of 1 to 3 billion parameters on two cores: eight answers together cost little more
    /// than two alone, and a batch of them takes about a minute.
    ///
    /// Measured with Qwen2.5-Coder-1.5B (4 bits) at temperature 0.7 on a Roman-numeral program: 6 of 8
    /// answers for `valid` were wholly right, where one prompt with all requirements gave 0 of 6; 4 of 6
    /// for `answer`. Of whole files in one answer, 0 of 10 were right on a program of like size.
    fn default() -> Self {
        let batch = |shape, temperature| Batch { shape, candidates: 8, temperature };
        Self {
            // A batch of parts is a minute at first, and then half of one for the part that is still
            // missing. Whole files follow only where parts are no use: a minute each.
            batches: vec![
                batch(Shape::Parts, 0.7),
                batch(Shape::Parts, 0.9),
                batch(Shape::Parts, 0.8),
                batch(Shape::Worked, 0.7),
                batch(Shape::Functions, 0.8),
                batch(Shape::Plain, 0.8),
            ],
            // Repair seldom helps a weak model; two near misses are worth a try, not a habit.
            repairs_max: 2,
            repair: Batch { shape: Shape::Plain, candidates: 4, temperature: 0.6 },
            // The tail of a small model's distribution is noise.
            top_p: 0.95,
            // A program of one small intent takes 150 to 400 tokens; a longer answer has lost its way.
            tokens_max: 700,
            // Of one function, 50 to 300.
            part_tokens_max: 400,
            // Two may share a slip by chance, three seldom do.
            votes_enough: 3,
            // A process each for every passing candidate: 24 are about a second.
            probes_max: 24,
            notes: false,
        }
    }
}
