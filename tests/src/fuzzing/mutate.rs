//! Inputs that a seed makes out of others.

use ottla_log::simulation::random::Random;

/// The input of a seed: one of the first inputs with some changes, or random bytes.
pub fn mutated(first_inputs: &[Vec<u8>], seed: u64) -> Vec<u8> {
    let mut random = Random::new(seed);
    let mut input = if random.one_in(20) || first_inputs.is_empty() {
        let length = random.below(200);
        (0..length).map(|_| byte(&mut random)).collect()
    } else {
        first_inputs[random.below(first_inputs.len())].clone()
    };
    // Mostly few, so that much of it is still as it was.
    for _ in 0..=random.below(4) * random.below(4) {
        change(&mut input, first_inputs, &mut random);
    }
    input
}

fn byte(random: &mut Random) -> u8 {
    random.any().to_le_bytes()[0]
}

/// A place in the input, or its end.
fn place(input: &[u8], random: &mut Random) -> usize {
    random.below(input.len() + 1)
}

/// A range of it, mostly short.
fn range(input: &[u8], random: &mut Random) -> std::ops::Range<usize> {
    let from = place(input, random);
    let left = input.len() - from;
    let most = if random.one_in(3) { left } else { left.min(16) };
    from..from + random.below(most + 1)
}

fn change(input: &mut Vec<u8>, others: &[Vec<u8>], random: &mut Random) {
    match random.below(10) {
        0 | 1 if !input.is_empty() => {
            let at = random.below(input.len());
            input[at] ^= 1 << random.below(8);
        }
        2 if !input.is_empty() => {
            let at = random.below(input.len());
            input[at] = byte(random);
        }
        3 => input.truncate(place(input, random)),
        4 => drop(input.drain(range(input, random))),
        5 => {
            let (at, fill) = (place(input, random), random.below(3));
            let more: Vec<u8> = (0..random.range(1, 32))
                .map(|_| if fill == 0 { 0 } else { byte(random) })
                .collect();
            input.splice(at..at, more);
        }
        6 => {
            let again = input[range(input, random)].to_vec();
            let at = place(input, random);
            input.splice(at..at, again);
        }
        7 if !others.is_empty() => {
            let other = &others[random.below(others.len())];
            let part = other[range(other, random)].to_vec();
            let replaced = range(input, random);
            input.splice(replaced, part);
        }
        _ => put_number(input, random),
    }
}

/// Writes a number over what is there, of a kind that is a length, a count or an offset somewhere.
fn put_number(input: &mut Vec<u8>, random: &mut Random) {
    let small = random.range(0, 20) as i64;
    let power = 1_i64 << random.below(63);
    let near = small - 10;
    let choices =
        [small, -small, power, power + near, -power, i64::MAX, i64::MIN, i64::MAX - small];
    let number = choices[random.below(choices.len())];
    let width = [1, 2, 4, 8][random.below(4)];
    let mut bytes = number.to_be_bytes()[8 - width..].to_vec();
    if random.one_in(4) {
        bytes.reverse();
    }
    if random.one_in(4) {
        // As a varint.
        bytes = Vec::new();
        let mut left = ((number << 1) ^ (number >> 63)) as u64;
        while left > 0x7f {
            bytes.push(0x80 | left.to_le_bytes()[0]);
            left >>= 7;
        }
        bytes.push(left.to_le_bytes()[0]);
    }
    let at = place(input, random);
    let end = input.len().min(at + bytes.len());
    input.splice(at..end, bytes);
}
