//! The network: Qwen2's forward pass over quantised weights, for a prompt or for several branches at once.
//!
//! A prompt is read once into a [`Cache`]; each branch then adds a cache of its own and attends to both, so
//! that branches share the prompt's keys and values without copying them, and one pass over the weights
//! serves all branches. It knows token numbers and not text, and never chooses a token.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::sync::Mutex;

use candle_core::quantized::QTensor;
use candle_core::quantized::gguf_file::{Content, Value};
use candle_core::{CpuStorage, CustomOp1 as _, Device, Layout, Shape};

use super::vector::{self, Span};

/// Rows of a prompt that go through the network together. More rows use each weight more often while it is
/// in the processor's cache, but the activations (36 kB a row) must stay there too.
const ROWS_MAX: usize = 128;

/// The weights and the numbers that say how they fit together.
pub(super) struct Network {
    embedding: QTensor,
    layers: Vec<Layer>,
    norm: Vec<f32>,
    output: QTensor,
    sizes: Sizes,
    /// Cosine and sine of each position's angles, half a head's width per position.
    cos: Vec<f32>,
    sin: Vec<f32>,
}

#[derive(Clone, Copy)]
struct Sizes {
    /// Width of the residual stream.
    width: usize,
    /// Width of one attention head.
    head: usize,
    query_heads: usize,
    key_heads: usize,
    epsilon: f32,
}

struct Layer {
    attention_norm: Vec<f32>,
    query: Linear,
    key: Linear,
    value: Linear,
    attended: Linear,
    feed_norm: Vec<f32>,
    gate: Linear,
    up: Linear,
    down: Linear,
}

struct Linear {
    weight: QTensor,
    bias: Option<Vec<f32>>,
}

/// Keys and values of a run of tokens, per layer and key head.
pub(super) struct Cache {
    tokens: usize,
    layers: Vec<Vec<Head>>,
}

#[derive(Default, Clone)]
struct Head {
    keys: Vec<f32>,
    values: Vec<f32>,
}

impl Cache {
    fn span(&self, layer: usize, head: usize, length: usize) -> Span<'_> {
        let head = &self.layers[layer][head];
        Span { keys: &head.keys[..length], values: &head.values[..length] }
    }
}

/// Where the rows of one pass stand.
enum Rows<'a> {
    /// Consecutive tokens of one run; each sees those before it and itself.
    Run(&'a mut Cache),
    /// One more token for each branch; each sees the prompt and its own branch.
    Branches { prompt: &'a Cache, branches: Vec<&'a mut Cache> },
}

impl Rows<'_> {
    fn position(&self, row: usize) -> usize {
        match self {
            Self::Run(cache) => cache.tokens + row,
            Self::Branches { prompt, branches } => prompt.tokens + branches[row].tokens,
        }
    }

    fn push(&mut self, layer: usize, row: usize, head: usize, key: &[f32], value: &[f32]) {
        let cache: &mut Cache = match self {
            Self::Run(cache) => cache,
            Self::Branches { branches, .. } => branches[row],
        };
        let head = &mut cache.layers[layer][head];
        head.keys.extend_from_slice(key);
        head.values.extend_from_slice(value);
    }

    /// What `row` attends to, once all rows of this layer were pushed.
    fn spans(&self, layer: usize, row: usize, head: usize, width: usize) -> [Span<'_>; 2] {
        match self {
            Self::Run(cache) => {
                let seen = (cache.tokens + row + 1) * width;
                [cache.span(layer, head, seen), Span { keys: &[], values: &[] }]
            }
            Self::Branches { prompt, branches } => [
                prompt.span(layer, head, prompt.tokens * width),
                branches[row].span(layer, head, (branches[row].tokens + 1) * width),
            ],
        }
    }

    fn finish(&mut self, rows: usize) {
        match self {
            Self::Run(cache) => cache.tokens += rows,
            Self::Branches { branches, .. } => branches.iter_mut().for_each(|it| it.tokens += 1),
        }
    }
}

impl Network {
    /// Reads the weights from a GGUF file whose header is `content`; positions up to `context` will be used.
    ///
    /// # Errors
    /// When the file is not a Qwen2 model, or ends early.
    pub(super) fn load(
        content: &Content,
        path: &Path,
        context: usize,
    ) -> candle_core::Result<Self> {
        let mut tensors =
            Tensors { content, file: BufReader::with_capacity(1 << 20, File::open(path)?) };
        let number = |key: &str| meta(content, key)?.to_u32().map(|number| number as usize);
        let width = number("qwen2.embedding_length")?;
        let query_heads = number("qwen2.attention.head_count")?;
        let sizes = Sizes {
            width,
            head: width / query_heads,
            query_heads,
            key_heads: number("qwen2.attention.head_count_kv")?,
            epsilon: meta(content, "qwen2.attention.layer_norm_rms_epsilon")?.to_f32()?,
        };
        let base = meta(content, "qwen2.rope.freq_base")?.to_f32()?;
        let layers = (0..number("qwen2.block_count")?)
            .map(|layer| Layer::load(&mut tensors, layer))
            .collect::<candle_core::Result<_>>()?;
        let angles = (0..context).flat_map(|position| {
            (0..sizes.head / 2)
                .map(move |i| position as f32 / base.powf(2.0 * i as f32 / sizes.head as f32))
        });
        let (cos, sin) = angles.map(|angle: f32| (angle.cos(), angle.sin())).unzip();
        Ok(Self {
            embedding: tensors.quantised("token_embd.weight")?,
            norm: tensors.numbers("output_norm.weight")?,
            output: tensors.quantised("output.weight")?,
            layers,
            sizes,
            cos,
            sin,
        })
    }

    /// How many different tokens there are: the width of a row of logits.
    pub(super) fn vocabulary(&self) -> usize {
        self.output.shape().dims()[0]
    }

    /// A run without tokens.
    pub(super) fn cache(&self) -> Cache {
        let heads = vec![Head::default(); self.sizes.key_heads];
        Cache { tokens: 0, layers: vec![heads; self.layers.len()] }
    }

    /// Reads the next piece of a prompt into `cache`, [`ROWS_MAX`] tokens at most, and says how many it
    /// took. The logits are those after the last token that was taken.
    ///
    /// # Errors
    /// When a product fails, which a valid file rules out.
    pub(super) fn read(
        &self,
        tokens: &[u32],
        cache: &mut Cache,
    ) -> candle_core::Result<(usize, Vec<f32>)> {
        let tokens = &tokens[..tokens.len().min(ROWS_MAX)];
        let stream = self.pass(tokens, Rows::Run(cache))?;
        let last = &stream[stream.len() - self.sizes.width..];
        Ok((tokens.len(), self.logits(last)?))
    }

    /// Appends one token to each branch after `prompt`; the answer has one row of logits per branch.
    ///
    /// # Errors
    /// When a product fails, which a valid file rules out.
    pub(super) fn step(
        &self,
        tokens: &[u32],
        prompt: &Cache,
        branches: Vec<&mut Cache>,
    ) -> candle_core::Result<Vec<f32>> {
        assert_eq!(tokens.len(), branches.len(), "one token for each branch");
        let stream = self.pass(tokens, Rows::Branches { prompt, branches })?;
        self.logits(&stream)
    }

    /// The residual stream after all layers, one row for each token.
    fn pass(&self, tokens: &[u32], mut rows: Rows<'_>) -> candle_core::Result<Vec<f32>> {
        let mut stream = self.embed(tokens)?;
        for (index, layer) in self.layers.iter().enumerate() {
            let input = self.normalise(&stream, &layer.attention_norm);
            let attended = self.attend(index, layer, &input, &mut rows)?;
            vector::add(&mut stream, &layer.attended.apply(attended)?);

            let input = self.normalise(&stream, &layer.feed_norm);
            let mut gate = layer.gate.apply(input.clone())?;
            let up = layer.up.apply(input)?;
            parallel(&mut gate, up.len() / tokens.len(), |row, gate| {
                let width = gate.len();
                vector::gated(gate, &up[row * width..][..width]);
            });
            vector::add(&mut stream, &layer.down.apply(gate)?);
        }
        rows.finish(tokens.len());
        Ok(stream)
    }

    fn embed(&self, tokens: &[u32]) -> candle_core::Result<Vec<f32>> {
        let tokens = candle_core::Tensor::new(tokens, &Device::Cpu)?;
        self.embedding.embedding(&tokens)?.flatten_all()?.to_vec1()
    }

    fn normalise(&self, stream: &[f32], weight: &[f32]) -> Vec<f32> {
        let mut out = vec![0.0; stream.len()];
        let width = self.sizes.width;
        for (row, out) in stream.chunks_exact(width).zip(out.chunks_exact_mut(width)) {
            vector::normalised(row, weight, self.sizes.epsilon, out);
        }
        out
    }

    fn attend(
        &self,
        index: usize,
        layer: &Layer,
        input: &[f32],
        rows: &mut Rows<'_>,
    ) -> candle_core::Result<Vec<f32>> {
        let Sizes { head: width, query_heads, key_heads, .. } = self.sizes;
        let mut queries = layer.query.apply(input.to_vec())?;
        let mut keys = layer.key.apply(input.to_vec())?;
        let values = layer.value.apply(input.to_vec())?;
        let count = input.len() / self.sizes.width;
        for row in 0..count {
            let at = rows.position(row) * (width / 2);
            let (cos, sin) = (&self.cos[at..][..width / 2], &self.sin[at..][..width / 2]);
            for head in queries[row * query_heads * width..][..query_heads * width]
                .chunks_exact_mut(width)
                .chain(keys[row * key_heads * width..][..key_heads * width].chunks_exact_mut(width))
            {
                vector::rotate(head, cos, sin);
            }
            for head in 0..key_heads {
                let at = (row * key_heads + head) * width;
                rows.push(index, row, head, &keys[at..][..width], &values[at..][..width]);
            }
        }
        // Query heads that share a key head lie side by side, so one unit reads each key once for all.
        let group = query_heads / key_heads * width;
        let mut out = vec![0.0; queries.len()];
        let rows = &*rows;
        parallel(&mut out, group, |unit, out| {
            let spans = rows.spans(index, unit / key_heads, unit % key_heads, width);
            let queries = &queries[unit * group..][..group];
            vector::attend(queries, &spans, width, &mut Vec::new(), out);
        });
        Ok(out)
    }

    fn logits(&self, stream: &[f32]) -> candle_core::Result<Vec<f32>> {
        product(&self.output, self.normalise(stream, &self.norm))
    }
}

impl Layer {
    fn load(tensors: &mut Tensors<'_>, layer: usize) -> candle_core::Result<Self> {
        let name = |part: &str| format!("blk.{layer}.{part}");
        let mut biased = |part: &str| -> candle_core::Result<Linear> {
            let weight = tensors.quantised(&name(&format!("{part}.weight")))?;
            let bias = Some(tensors.numbers(&name(&format!("{part}.bias")))?);
            Ok(Linear { weight, bias })
        };
        let (query, key, value) = (biased("attn_q")?, biased("attn_k")?, biased("attn_v")?);
        let mut plain = |part: &str| -> candle_core::Result<Linear> {
            Ok(Linear { weight: tensors.quantised(&name(&format!("{part}.weight")))?, bias: None })
        };
        let (attended, gate) = (plain("attn_output")?, plain("ffn_gate")?);
        let (up, down) = (plain("ffn_up")?, plain("ffn_down")?);
        let attention_norm = tensors.numbers(&name("attn_norm.weight"))?;
        let feed_norm = tensors.numbers(&name("ffn_norm.weight"))?;
        Ok(Self { attention_norm, query, key, value, attended, feed_norm, gate, up, down })
    }
}

impl Linear {
    fn apply(&self, input: Vec<f32>) -> candle_core::Result<Vec<f32>> {
        let mut out = product(&self.weight, input)?;
        if let Some(bias) = &self.bias {
            out.chunks_exact_mut(bias.len()).for_each(|row| vector::add(row, bias));
        }
        Ok(out)
    }
}

struct Tensors<'a> {
    content: &'a Content,
    file: BufReader<File>,
}

impl Tensors<'_> {
    fn quantised(&mut self, name: &str) -> candle_core::Result<QTensor> {
        self.content.tensor(&mut self.file, name, &Device::Cpu)
    }

    fn numbers(&mut self, name: &str) -> candle_core::Result<Vec<f32>> {
        self.quantised(name)?.dequantize(&Device::Cpu)?.flatten_all()?.to_vec1()
    }
}

/// An entry of the header.
pub(super) fn meta<'a>(content: &'a Content, key: &str) -> candle_core::Result<&'a Value> {
    let missing = || candle_core::Error::Msg(format!("the model file has no entry `{key}`"));
    content.metadata.get(key).ok_or_else(missing)
}

/// `input * weight^T`, without the tensor wrappers around it, which would copy the input.
fn product(weight: &QTensor, input: Vec<f32>) -> candle_core::Result<Vec<f32>> {
    let columns = weight.shape().dims()[1];
    let shape = Shape::from((input.len() / columns, columns));
    match weight.cpu_fwd(&CpuStorage::F32(input), &Layout::contiguous(shape))? {
        (CpuStorage::F32(out), _) => Ok(out),
        _ => unreachable!("a product of f32 rows is f32"),
    }
}

/// Calls `work` with the number and the content of each piece of `size` values, on the threads that also
/// compute the products: a second pool would fight with their spinning for the same cores.
fn parallel(values: &mut [f32], size: usize, work: impl Fn(usize, &mut [f32]) + Sync) {
    let pieces: Vec<_> = values.chunks_exact_mut(size).map(Mutex::new).collect();
    candle_core::utils::barrier_pool().execute_chunked(pieces.len(), |range| {
        for index in range {
            let mut piece = pieces[index].lock().expect("each piece is locked once");
            work(index, &mut piece);
        }
    });
}
