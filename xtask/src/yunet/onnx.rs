//! As much of ONNX as YuNet's file takes: the convolutions of a graph, in the order in which they run.
//!
//! ONNX is one protobuf message; `onnx.proto` of the project <https://github.com/onnx/onnx> gives the numbers of the fields.

use std::collections::HashMap;

/// The parts of the messages that are read, by number of field.
mod field {
    pub(super) const MODEL_GRAPH: u64 = 7;
    pub(super) const GRAPH_NODE: u64 = 1;
    pub(super) const GRAPH_INITIALIZER: u64 = 5;
    pub(super) const NODE_INPUT: u64 = 1;
    pub(super) const NODE_OP_TYPE: u64 = 4;
    pub(super) const TENSOR_DIMS: u64 = 1;
    pub(super) const TENSOR_NAME: u64 = 8;
    pub(super) const TENSOR_RAW_DATA: u64 = 9;
}

/// A convolution with a square kernel and a bias.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Conv {
    pub(super) outputs: usize,
    /// How many input channels each output is computed from.
    pub(super) inputs: usize,
    pub(super) side: usize,
    /// The weights, ordered by output, input, row and column.
    pub(super) weights: Vec<f32>,
    pub(super) biases: Vec<f32>,
}

/// All convolutions of a model.
///
/// # Errors
/// What is wrong, in words.
pub(super) fn convolutions(model: &[u8]) -> Result<Vec<Conv>, String> {
    let mut nodes = Vec::new();
    let mut tensors = HashMap::new();
    for (number, value) in fields(model)? {
        if number == field::MODEL_GRAPH {
            for (number, value) in fields(value.bytes()?)? {
                match number {
                    field::GRAPH_NODE => nodes.push(value.bytes()?),
                    field::GRAPH_INITIALIZER => {
                        let (name, tensor) = tensor(value.bytes()?)?;
                        tensors.insert(name, tensor);
                    }
                    _ => {}
                }
            }
        }
    }
    let convolutions = nodes.into_iter().filter_map(|node| inputs_of_conv(node).transpose());
    convolutions.map(|inputs| conv(&inputs?, &tensors)).collect()
}

/// An array of numbers in any number of dimensions.
#[derive(Default)]
struct Tensor {
    sides: Vec<usize>,
    values: Vec<f32>,
}

/// The names of a node's inputs, if it is a convolution.
fn inputs_of_conv(node: &[u8]) -> Result<Option<Vec<&[u8]>>, String> {
    let mut inputs = Vec::new();
    let mut is_conv = false;
    for (number, value) in fields(node)? {
        match number {
            field::NODE_INPUT => inputs.push(value.bytes()?),
            field::NODE_OP_TYPE => is_conv = value.bytes()? == b"Conv",
            _ => {}
        }
    }
    Ok(is_conv.then_some(inputs))
}

fn conv(inputs: &[&[u8]], tensors: &HashMap<&[u8], Tensor>) -> Result<Conv, String> {
    let &[_, weights, biases] = inputs else {
        return Err(format!("a convolution with {} inputs; 3 were expected", inputs.len()));
    };
    let find = |name: &[u8]| {
        tensors.get(name).ok_or_else(|| format!("there is no tensor `{}`", String::from_utf8_lossy(name)))
    };
    let Tensor { sides, values: weights } = find(weights)?;
    let biases = &find(biases)?.values;
    let &[outputs, inputs, side, width] = &sides[..] else {
        return Err(format!("weights with sides {sides:?}; 4 were expected"));
    };
    if side != width || biases.len() != outputs || weights.len() != outputs * inputs * side * side {
        return Err(format!("weights {sides:?} with {} values and {} biases", weights.len(), biases.len()));
    }
    Ok(Conv { outputs, inputs, side, weights: weights.clone(), biases: biases.clone() })
}

/// A tensor and its name. The published file has the values of all floats as bytes.
fn tensor(message: &[u8]) -> Result<(&[u8], Tensor), String> {
    let mut name = &[][..];
    let mut tensor = Tensor::default();
    for (number, value) in fields(message)? {
        match (number, value) {
            (field::TENSOR_DIMS, Value::Number(side)) => tensor.sides.push(side as usize),
            (field::TENSOR_NAME, Value::Bytes(bytes)) => name = bytes,
            (field::TENSOR_RAW_DATA, Value::Bytes(bytes)) => {
                let (floats, _) = bytes.as_chunks::<4>();
                tensor.values.extend(floats.iter().map(|&float| f32::from_le_bytes(float)));
            }
            _ => {}
        }
    }
    Ok((name, tensor))
}

/// What a field of a message holds. Numbers of a fixed width are not needed here.
#[derive(Clone, Copy)]
enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

impl<'a> Value<'a> {
    fn bytes(self) -> Result<&'a [u8], String> {
        match self {
            Value::Bytes(bytes) => Ok(bytes),
            Value::Number(number) => Err(format!("the number {number} where a message or text was expected")),
        }
    }
}

/// The fields of a protobuf message with their numbers, as they come.
fn fields(mut message: &[u8]) -> Result<Vec<(u64, Value<'_>)>, String> {
    let mut fields = Vec::new();
    while !message.is_empty() {
        let key = number(&mut message)?;
        let value = match key & 7 {
            0 => Some(Value::Number(number(&mut message)?)),
            1 => skip(&mut message, 8)?,
            2 => {
                let length = number(&mut message)?;
                Some(Value::Bytes(take(&mut message, length)?))
            }
            5 => skip(&mut message, 4)?,
            kind => return Err(format!("a field of the unknown kind {kind}")),
        };
        fields.extend(value.map(|value| (key >> 3, value)));
    }
    Ok(fields)
}

fn skip<'a>(message: &mut &[u8], length: u64) -> Result<Option<Value<'a>>, String> {
    take(message, length).map(|_| None)
}

fn take<'a>(message: &mut &'a [u8], length: u64) -> Result<&'a [u8], String> {
    let parts = usize::try_from(length).ok().and_then(|length| message.split_at_checked(length));
    let (taken, rest) = parts.ok_or_else(|| format!("{length} bytes were announced, {} are left", message.len()))?;
    *message = rest;
    Ok(taken)
}

/// Seven bits a byte, the lowest first; the eighth says that more follow.
fn number(message: &mut &[u8]) -> Result<u64, String> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = message.split_first().ok_or("the file is cut off within a number")?;
        *message = rest;
        number |= u64::from(byte & 0x7F) << shift;
        if byte < 0x80 {
            return Ok(number);
        }
    }
    Err("a number of more than ten bytes".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A field with bytes in it.
    fn bytes(number: u64, bytes: &[u8]) -> Vec<u8> {
        let mut field = vec![(number << 3 | 2) as u8, bytes.len() as u8];
        field.extend(bytes);
        field
    }

    fn model() -> Vec<u8> {
        let tensor = |name: &[u8], sides: &[u8], values: &[f32]| {
            let mut tensor: Vec<u8> = sides.iter().flat_map(|&side| [field::TENSOR_DIMS as u8 * 8, side]).collect();
            tensor.extend(bytes(field::TENSOR_NAME, name));
            let values: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
            tensor.extend(bytes(field::TENSOR_RAW_DATA, &values));
            bytes(field::GRAPH_INITIALIZER, &tensor)
        };
        let node = |kind: &[u8]| {
            let inputs = [&b"x"[..], b"w", b"b"].map(|name| bytes(field::NODE_INPUT, name)).concat();
            bytes(field::GRAPH_NODE, &[inputs, bytes(field::NODE_OP_TYPE, kind)].concat())
        };
        let graph =
            [node(b"Conv"), node(b"Relu"), tensor(b"w", &[2, 1, 1, 1], &[0.5, -2.0]), tensor(b"b", &[2], &[1.0, 3.0])];
        bytes(field::MODEL_GRAPH, &graph.concat())
    }

    #[test]
    fn a_convolution_has_its_weights() {
        let conv = Conv { outputs: 2, inputs: 1, side: 1, weights: vec![0.5, -2.0], biases: vec![1.0, 3.0] };
        assert_eq!(convolutions(&model()), Ok(vec![conv]));
    }

    #[test]
    fn a_cut_file_says_so() {
        let model = model();
        for end in 1..model.len() {
            assert!(convolutions(&model[..end]).is_err(), "{end} bytes");
        }
    }
}
