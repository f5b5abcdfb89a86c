//! Text to token numbers and back, by the vocabulary in the model's file.
//!
//! Only the chat template writes control tokens. Text is never read for them, so that a document which
//! spells out `<|im_start|>` cannot start a turn of the conversation.

use std::collections::HashMap;

use candle_core::quantized::gguf_file::Content;
use candle_core::quantized::tokenizer::TokenizerFromGguf as _;
use tokenizers::Tokenizer;

use super::network::meta;

/// The vocabulary.
pub(super) struct Tokens {
    encoder: Tokenizer,
    /// The bytes of each token. A decoder of text cannot be asked: a token may end inside a character.
    bytes: Vec<Vec<u8>>,
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
    /// When the header holds none, or one without the tokens that a conversation needs.
    pub(super) fn load(content: &Content) -> candle_core::Result<Self> {
        let mut encoder = Tokenizer::from_gguf(content)?;
        encoder.set_encode_special_tokens(true);
        let control = |name: &str| -> candle_core::Result<u32> {
            let missing =
                || candle_core::Error::Msg(format!("the model file has no token `{name}`"));
            encoder.token_to_id(name).ok_or_else(missing)
        };
        let (start, end) = (control("<|im_start|>")?, control("<|im_end|>")?);
        let text_end = control("<|endoftext|>")?;
        let spelling = spelling();
        let bytes = meta(content, "tokenizer.ggml.tokens")?
            .to_vec()?
            .iter()
            .map(|text| Ok(unspelt(text.to_string()?, &spelling)))
            .collect::<candle_core::Result<_>>()?;
        Ok(Self { encoder, bytes, start, end, text_end })
    }

    /// The bytes that a token stands for; a part of a character, sometimes.
    pub(super) fn bytes(&self, token: u32) -> &[u8] {
        &self.bytes[token as usize]
    }

    /// Appends the tokens of `text` to `out`.
    ///
    /// # Errors
    /// When the vocabulary has no token for a part of it, which a valid file rules out.
    pub(super) fn encode(&self, text: &str, out: &mut Vec<u32>) -> candle_core::Result<()> {
        let encoding = self.encoder.encode_fast(text, false).map_err(candle_core::Error::wrap)?;
        out.extend_from_slice(encoding.get_ids());
        Ok(())
    }
}

/// How the file spells bytes as printable characters (GPT-2's table): printable Latin-1 stands for itself,
/// the others follow from U+0100 on.
pub(super) fn spelling() -> HashMap<char, u8> {
    let mut next = 0x100;
    (0..=255u8)
        .map(|byte| {
            let spelt = match byte {
                b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF => char::from(byte),
                _ => {
                    next += 1;
                    char::from_u32(next - 1).expect("U+0100 to U+0143 are characters")
                }
            };
            (spelt, byte)
        })
        .collect()
}

/// The bytes that a token's spelling stands for; a character outside the table, as in the name of a control
/// token, stands for nothing.
fn unspelt(text: &str, spelling: &HashMap<char, u8>) -> Vec<u8> {
    text.chars().filter_map(|character| spelling.get(&character).copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_has_a_spelling_of_its_own() {
        let spelling = spelling();
        assert_eq!(spelling.len(), 256);
        assert_eq!(unspelt("ĠaĊł\u{e9}", &spelling), [b' ', b'a', b'\n', 0xA0, 0xE9]);
    }
}
