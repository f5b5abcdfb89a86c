//! The arithmetic between the matrix products: dots, softmax, gated activation, norm, rotation.
//!
//! Each loop is written so that the compiler vectorises it. On x86-64 the same body is compiled a second
//! time for AVX2 and chosen when the machine has it, so that one portable binary is fast everywhere. It
//! knows slices of numbers and nothing of models.

/// Defines a function whose body is compiled for the build's own target and, on x86-64, for AVX2 too.
macro_rules! vectorised {
    ($(#[$doc:meta])* fn $name:ident($($arg:ident: $type:ty),* $(,)?) $body:block) => {
        $(#[$doc])*
        pub(super) fn $name($($arg: $type),*) {
            #[inline(always)]
            fn plain($($arg: $type),*) $body

            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2,fma")]
                fn avx2($($arg: $type),*) {
                    plain($($arg),*);
                }
                if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                    // SAFETY: the features that `avx2` is compiled for were found on this machine.
                    return unsafe { avx2($($arg),*) };
                }
            }
            plain($($arg),*);
        }
    };
}

/// Keys and values of consecutive tokens for one key-value head, one row of a head's width each.
#[derive(Clone, Copy)]
pub(super) struct Span<'a> {
    pub keys: &'a [f32],
    pub values: &'a [f32],
}

vectorised! {
    /// Softmax attention of the query heads in `queries` over all tokens of `spans` in turn. `out` has the
    /// shape of `queries`: one row of `width` per head. `scores` is scratch space.
    fn attend(queries: &[f32], spans: &[Span<'_>], width: usize, scores: &mut Vec<f32>, out: &mut [f32]) {
        let tokens: usize = spans.iter().map(|span| span.keys.len() / width).sum();
        let scale = 1.0 / (width as f32).sqrt();
        let heads = queries.len() / width;
        scores.clear();
        scores.resize(heads * tokens, 0.0);
        let keys = spans.iter().flat_map(|span| span.keys.chunks_exact(width));
        for (at, key) in keys.enumerate() {
            for (head, query) in queries.chunks_exact(width).enumerate() {
                scores[head * tokens + at] = dot(query, key) * scale;
            }
        }
        for row in scores.chunks_exact_mut(tokens) {
            softmax(row);
        }
        out.fill(0.0);
        let values = spans.iter().flat_map(|span| span.values.chunks_exact(width));
        for (at, value) in values.enumerate() {
            for (head, sum) in out.chunks_exact_mut(width).enumerate() {
                let weight = scores[head * tokens + at];
                for (sum, value) in sum.iter_mut().zip(value) {
                    *sum += weight * value;
                }
            }
        }
    }
}

vectorised! {
    /// `gate = silu(gate) * up`.
    fn gated(gate: &mut [f32], up: &[f32]) {
        for (gate, up) in gate.iter_mut().zip(up) {
            *gate = *gate / (1.0 + exp(-*gate)) * up;
        }
    }
}

vectorised! {
    /// `out = row / rms(row) * weight`.
    fn normalised(row: &[f32], weight: &[f32], epsilon: f32, out: &mut [f32]) {
        let mean_square = dot(row, row) / row.len() as f32;
        let scale = 1.0 / (mean_square + epsilon).sqrt();
        for ((out, value), weight) in out.iter_mut().zip(row).zip(weight) {
            *out = value * scale * weight;
        }
    }
}

vectorised! {
    /// `row += other`.
    fn add(row: &mut [f32], other: &[f32]) {
        for (value, other) in row.iter_mut().zip(other) {
            *value += other;
        }
    }
}

vectorised! {
    /// Rotates one head by its position: component `i` of the first half turns with component `i` of the
    /// second by the angle whose cosine and sine are given.
    fn rotate(head: &mut [f32], cos: &[f32], sin: &[f32]) {
        let (first, second) = head.split_at_mut(cos.len());
        for (((a, b), cos), sin) in first.iter_mut().zip(second).zip(cos).zip(sin) {
            (*a, *b) = (*a * cos - *b * sin, *a * sin + *b * cos);
        }
    }
}

/// Sixteen partial sums let two AVX2 registers run side by side; the order of additions is fixed, so the
/// result is the same in every run.
#[inline(always)]
fn dot(a: &[f32], b: &[f32]) -> f32 {
    const LANES: usize = 16;
    let mut sums = [0.0f32; LANES];
    let (a_chunks, b_chunks) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest: f32 = a_chunks.remainder().iter().zip(b_chunks.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in a_chunks.zip(b_chunks) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    sums.iter().sum::<f32>() + rest
}

#[inline(always)]
fn softmax(row: &mut [f32]) {
    let top = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut sum = 0.0;
    for value in row.iter_mut() {
        *value = exp(*value - top);
        sum += *value;
    }
    let scale = 1.0 / sum;
    for value in row.iter_mut() {
        *value *= scale;
    }
}

/// e^x to about one part in ten million. The library's function is a call for each number, which the
/// compiler cannot vectorise, and the activations of one prompt need a hundred million of them.
#[inline(always)]
fn exp(x: f32) -> f32 {
    // Adding and subtracting 1.5 * 2^23 rounds to an integer, which is then in the low bits.
    const ROUND: f32 = 12_582_912.0;
    let x = x.clamp(-87.0, 88.0);
    let rounded = x * std::f32::consts::LOG2_E + ROUND;
    let n = rounded - ROUND;
    // ln 2 in two parts, so that the remainder is exact to the last bit (Cody and Waite).
    let r = x - n * 0.693_359_4 + n * 2.121_944_4e-4;
    let mut p = 1.987_569_1e-4;
    for coefficient in [1.398_2e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5] {
        p = p * r + coefficient;
    }
    let fraction = p * r * r + r + 1.0;
    fraction * f32::from_bits(rounded.to_bits().wrapping_add(127) << 23)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_is_exact_enough_over_its_whole_range() {
        for step in -8_700..=8_800 {
            let x = step as f32 / 100.0;
            let (got, want) = (f64::from(exp(x)), f64::from(x).exp());
            assert!((got / want - 1.0).abs() < 5e-7, "exp({x}): {got} instead of {want}");
        }
        assert!(exp(-1e9) > 0.0 && exp(-1e9) < 1e-37);
    }

    #[test]
    fn attention_over_two_spans_is_attention_over_their_join() {
        let width = 32;
        let number = |i: usize| ((i * 7919 % 101) as f32 - 50.0) / 50.0;
        let queries: Vec<f32> = (0..3 * width).map(number).collect();
        let keys: Vec<f32> = (0..10 * width).map(|i| number(i + 13)).collect();
        let values: Vec<f32> = (0..10 * width).map(|i| number(i + 29)).collect();
        let span = |from: usize, to: usize| Span {
            keys: &keys[from * width..to * width],
            values: &values[from * width..to * width],
        };
        let (mut joined, mut parted) = (vec![0.0; 3 * width], vec![0.0; 3 * width]);
        let mut scores = Vec::new();
        attend(&queries, &[span(0, 10)], width, &mut scores, &mut joined);
        attend(&queries, &[span(0, 4), span(4, 10)], width, &mut scores, &mut parted);
        assert_eq!(joined, parted);

        // The same by the definition, in double precision.
        let head = 1;
        let query = &queries[head * width..][..width];
        let weight: Vec<f64> = (0..10)
            .map(|at| {
                let product: f64 =
                    (0..width).map(|i| f64::from(query[i] * keys[at * width + i])).sum();
                (product / (width as f64).sqrt()).exp()
            })
            .collect();
        let total: f64 = weight.iter().sum();
        let want: f64 = (0..10).map(|at| weight[at] / total * f64::from(values[at * width])).sum();
        assert!((f64::from(joined[head * width]) - want).abs() < 1e-5);
    }

    #[test]
    fn rotation_keeps_lengths_and_turns_by_the_angle() {
        let mut head = vec![1.0, 0.0, 0.0, 2.0];
        let (sin, cos) = (1.0f32.sin(), 1.0f32.cos());
        rotate(&mut head, &[cos, cos], &[sin, sin]);
        assert_eq!(head, [cos, -2.0 * sin, sin, 2.0 * cos]);
    }

    #[test]
    fn gating_is_silu_times_up() {
        let mut gate = vec![0.0, 1.0, -3.0];
        gated(&mut gate, &[5.0, 2.0, 1.0]);
        let silu = |x: f32| x / (1.0 + (-x).exp());
        for (got, want) in gate.iter().zip([0.0, 2.0 * silu(1.0), silu(-3.0)]) {
            assert!((got - want).abs() < 1e-6, "{got} {want}");
        }
    }
}
