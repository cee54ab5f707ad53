//! `cargo xtask yunet-weights`: the weights of YuNet, from the published ONNX file to the flat one that the library holds.
//!
//! The flat file has what the engine runs and nothing else: no graph, no names. Its numbers are little-endian, and stand in
//! the order of [`flat`]. How vector instructions want the weights is left to who reads them: it takes a
//! millisecond, and the file is the same for every processor. Batch normalisation is folded already in the published
//! file.

mod onnx;

use std::fs;
use std::path::Path;

use crate::error::Error;
use onnx::Conv;

/// What is read: `face_detection_yunet_2023mar.onnx` of the OpenCV Zoo, unchanged.
const PUBLISHED: &str = "assets/face_detection_yunet_2023mar.onnx";
/// The flat file, which the programs contain.
const FLAT: &str = "assets/yunet_2023mar.bin";

/// The first bytes of the flat file. The version of its layout follows them.
const MAGIC: &[u8; 8] = b"ffyunet\0";
const VERSION: u32 = 1;

/// Convolutions before the heads: the first one, and pairs of a 1x1 and a depthwise 3x3.
const BODY: usize = 1 + 2 * (11 + 3);
/// Strides that faces are looked for at.
const STRIDES: usize = 3;
/// The heads of a stride in the order of the flat file, by their place in the published one: class, objectness, box,
/// landmarks.
const HEADS: [usize; 4] = [0, 2, 1, 3];

/// Writes the flat file, or with `check` only says whether it is what the published one gives.
///
/// # Errors
/// [`Error::Onnx`] for another network than YuNet, and [`Error::Stale`] when `check` finds a difference.
pub(crate) fn run(check: bool) -> Result<(), Error> {
    let published = Path::new(PUBLISHED);
    let bytes = fs::read(published).map_err(Error::file(published))?;
    let fail = |problem| Error::Onnx { path: published.to_owned(), problem };
    let flat = flat(&onnx::convolutions(&bytes).map_err(fail)?).map_err(fail)?;
    let file = Path::new(FLAT);
    if fs::read(file).is_ok_and(|committed| committed == flat) {
        println!("{FLAT} is up to date");
        return Ok(());
    }
    if check {
        return Err(Error::Stale { path: file.to_owned(), command: "yunet-weights" });
    }
    fs::write(file, flat).map_err(Error::file(file))?;
    println!("wrote {FLAT}");
    Ok(())
}

/// The file: magic, version, number of layers; outputs, inputs and side of each layer's kernel; then of each layer the
/// weights, by output, input, row and column, and a bias for each output. A layer with one input is depthwise.
fn flat(convolutions: &[Conv]) -> Result<Vec<u8>, String> {
    let layers = layers(convolutions)?;
    let mut flat = MAGIC.to_vec();
    let mut number = |number: usize| flat.extend((number as u32).to_le_bytes());
    number(VERSION as usize);
    number(layers.len());
    for Conv { outputs, inputs, side, .. } in &layers {
        [*outputs, *inputs, *side].into_iter().for_each(&mut number);
    }
    for Conv { weights, biases, .. } in &layers {
        flat.extend(weights.iter().chain(biases).flat_map(|value| value.to_le_bytes()));
    }
    Ok(flat)
}

/// The layers that the engine runs: the body as it is, and the heads of each stride side by side as one.
fn layers(convolutions: &[Conv]) -> Result<Vec<Conv>, String> {
    let expected = BODY + 2 * STRIDES * HEADS.len();
    if convolutions.len() != expected {
        return Err(format!("{} convolutions, and YuNet has {expected}", convolutions.len()));
    }
    let (body, heads) = convolutions.split_at(BODY);
    let mut layers = body.to_vec();
    for stride in 0..STRIDES {
        for half in 0..2 {
            let parts = HEADS.map(|head| &heads[2 * (head * STRIDES + stride) + half]);
            let [first, ..] = parts;
            if parts.iter().any(|part| (part.inputs, part.side) != (first.inputs, first.side)) {
                return Err(format!("the heads of stride {} differ in shape", 8 << stride));
            }
            layers.push(Conv {
                outputs: parts.iter().map(|part| part.outputs).sum(),
                inputs: first.inputs,
                side: first.side,
                weights: parts.iter().flat_map(|part| part.weights.iter().copied()).collect(),
                biases: parts.iter().flat_map(|part| part.biases.iter().copied()).collect(),
            });
        }
    }
    Ok(layers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conv(outputs: usize, value: f32) -> Conv {
        Conv { outputs, inputs: 1, side: 1, weights: vec![value; outputs], biases: vec![-value; outputs] }
    }

    #[test]
    fn heads_of_a_stride_stand_side_by_side() {
        let outputs = [1, 4, 1, 10];
        let heads = (0..24).map(|i| conv(outputs[i / 6], i as f32));
        let convolutions: Vec<_> = (0..BODY).map(|_| conv(2, 9.0)).chain(heads).collect();
        let layers = layers(&convolutions).unwrap();
        assert_eq!(layers.len(), BODY + 6);
        let last = &layers[BODY + 5];
        // The second convolutions of the third stride: class, objectness, box, landmarks.
        let expected: Vec<f32> = [(5.0, 1), (17.0, 1), (11.0, 4), (23.0, 10)]
            .iter()
            .flat_map(|&(value, count)| vec![value; count])
            .collect();
        assert_eq!(last.weights, expected);
        assert_eq!(last.outputs, 16);
    }

    #[test]
    fn another_network_is_refused() {
        let error = flat(&[conv(1, 0.0)]).unwrap_err();
        assert_eq!(error, "1 convolutions, and YuNet has 53");
    }

    #[test]
    fn the_committed_file_is_what_the_published_one_gives() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let published = fs::read(root.join(PUBLISHED)).unwrap();
        let flat = flat(&onnx::convolutions(&published).unwrap()).unwrap();
        assert!(flat == fs::read(root.join(FLAT)).unwrap(), "stale; run `cargo xtask yunet-weights`");
    }
}
