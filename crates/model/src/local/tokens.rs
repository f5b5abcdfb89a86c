//! Text to token numbers and back: byte-level byte-pair encoding with Qwen2's way of cutting words.
//!
//! Only the chat template writes control tokens. Text is never read for them, so that a document which
//! spells out `<|im_start|>` cannot start a turn of the conversation.

use std::collections::HashMap;

use candle_core::quantized::gguf_file::Content;
use regex::Regex;

use super::network::meta;

/// How Qwen2 cuts text before pairs are merged, without the one look-ahead (`\s+(?!\S)`: of several white
/// spaces before a word, the last belongs to the word), which [`Tokens::words`] does by hand.
const WORDS: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+";

/// The longest piece of a word that is merged as one, in bytes: a merge costs a scan of the piece, so an
/// endless word costs its length times this and not its square.
const PIECE_MAX: usize = 1024;

/// The vocabulary.
pub(super) struct Tokens {
    /// The bytes of each token; control tokens have their name's.
    bytes: Vec<Vec<u8>>,
    numbers: HashMap<Vec<u8>, u32>,
    /// Which pairs merge, into what, and which first.
    merges: HashMap<(u32, u32), (usize, u32)>,
    words: Regex,
    /// Token that opens a turn of a conversation.
    pub(super) start: u32,
    /// Token that ends a turn.
    pub(super) end: u32,
    /// Token that ends a text.
    pub(super) text_end: u32,
}

impl Tokens {
    /// Takes the vocabulary from a model file's header.
    ///
    /// # Errors
    /// When the header holds none, or another kind.
    pub(super) fn load(content: &Content) -> candle_core::Result<Self> {
        let kind = meta(content, "tokenizer.ggml.pre")?.to_string()?;
        if kind != "qwen2" {
            candle_core::bail!(
                "the model file has a vocabulary of kind `{kind}`, expected `qwen2`"
            );
        }
        let list = |key: &str| -> candle_core::Result<Vec<&String>> {
            meta(content, key)?.to_vec()?.iter().map(|value| value.to_string()).collect()
        };
        let unspelt = spelling();
        let unspell = |text: &str| -> Vec<u8> {
            text.chars().filter_map(|character| unspelt.get(&character).copied()).collect()
        };
        let texts = list("tokenizer.ggml.tokens")?;
        let kinds = meta(content, "tokenizer.ggml.token_type")?.to_vec()?;
        let mut bytes = Vec::with_capacity(texts.len());
        let mut numbers = HashMap::with_capacity(texts.len());
        let mut controls = HashMap::new();
        for (number, (text, kind)) in (0u32..).zip(texts.iter().zip(kinds)) {
            // 1 is an ordinary token; the rest are control tokens, fillers and the like.
            if kind.to_i32()? == 1 {
                let spelt = unspell(text);
                numbers.insert(spelt.clone(), number);
                bytes.push(spelt);
            } else {
                controls.insert(text.as_str(), number);
                bytes.push(text.as_bytes().to_vec());
            }
        }
        let mut merges = HashMap::new();
        for (rank, merge) in list("tokenizer.ggml.merges")?.into_iter().enumerate() {
            let (left, right) = merge.split_once(' ').unwrap_or((merge, ""));
            let (left, right) = (unspell(left), unspell(right));
            let joined = [left.as_slice(), &right].concat();
            let number = |bytes: &[u8]| numbers.get(bytes).copied();
            if let (Some(a), Some(b), Some(joined)) =
                (number(&left), number(&right), number(&joined))
            {
                merges.insert((a, b), (rank, joined));
            }
        }
        let control = |name: &str| -> candle_core::Result<u32> {
            let missing =
                || candle_core::Error::Msg(format!("the model file has no token `{name}`"));
            controls.get(name).copied().ok_or_else(missing)
        };
        let (start, end) = (control("<|im_start|>")?, control("<|im_end|>")?);
        let text_end = control("<|endoftext|>")?;
        let words = Regex::new(WORDS).expect("the pattern is a constant that tests compile");
        Ok(Self { bytes, numbers, merges, words, start, end, text_end })
    }

    /// The bytes that a token stands for; a part of a character, sometimes.
    pub(super) fn bytes(&self, token: u32) -> &[u8] {
        &self.bytes[token as usize]
    }

    /// Appends the tokens of `text` to `out`.
    pub(super) fn encode(&self, text: &str, out: &mut Vec<u32>) {
        for word in self.words(text) {
            for piece in word.as_bytes().chunks(PIECE_MAX) {
                match self.numbers.get(piece) {
                    Some(number) => out.push(*number),
                    None => self.merge(piece, out),
                }
            }
        }
    }

    fn words<'t>(&self, text: &'t str) -> Vec<&'t str> {
        let mut words = Vec::new();
        let mut from = 0;
        while let Some(found) = self.words.find_at(text, from) {
            let mut end = found.end();
            let last = found.as_str().chars().next_back().map_or(0, char::len_utf8);
            let spaces = !found.as_str().contains(['\r', '\n'])
                && found.as_str().chars().all(char::is_whitespace);
            if spaces && end < text.len() && found.len() > last {
                end -= last;
            }
            words.push(&text[found.start()..end]);
            from = end;
        }
        words
    }

    /// Merges the pair with the lowest rank until none is left. Words are short, so that a scan per merge
    /// beats a queue.
    fn merge(&self, word: &[u8], out: &mut Vec<u32>) {
        let mut parts: Vec<u32> =
            word.iter().filter_map(|byte| self.numbers.get([*byte].as_slice()).copied()).collect();
        loop {
            let ranked = parts.windows(2).enumerate().filter_map(|(at, pair)| {
                self.merges.get(&(pair[0], pair[1])).map(|(rank, joined)| (*rank, at, *joined))
            });
            let Some((_, at, joined)) = ranked.min() else { break };
            parts[at] = joined;
            parts.remove(at + 1);
        }
        out.append(&mut parts);
    }
}

/// How the file spells bytes as printable characters (GPT-2's table): printable Latin-1 stands for itself,
/// the others follow from U+0100 on.
fn spelling() -> HashMap<char, u8> {
    let mut next = 0x100;
    (0..=255u8)
        .map(|byte| {
            let spelt = match byte {
                b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF => char::from(byte),
                _ => {
                    next += 1;
                    char::from_u32(next - 1).expect("U+0100 to U+0144 are characters")
                }
            };
            (spelt, byte)
        })
        .collect()
}
