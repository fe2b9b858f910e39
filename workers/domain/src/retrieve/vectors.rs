//! Ranking by vectors: cosine between a query and each passage.

use queue_schema::ids::content_id;

/// Why vectors can't be used. Vectors of different models never mix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VectorError {
    /// Not as many numbers as the others.
    Dimension {
        /// What the others have.
        wanted: usize,
        /// What this one has.
        got: usize,
    },
    /// No number at all, or one that is not finite.
    Unusable,
}

impl std::fmt::Display for VectorError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Dimension { wanted, got } => {
                write!(
                    f,
                    "a vector of {got} numbers among vectors of {wanted}: another model answers under the same name"
                )
            }
            Self::Unusable => write!(f, "a vector without numbers, or with one that is not finite"),
        }
    }
}

impl std::error::Error for VectorError {}

/// The key under which a vector is kept: what was embedded, by which model, behind which prefix.
pub fn vector_key(model: &str, prefix: &str, text: &str) -> String {
    content_id(&[b"vector", model.as_bytes(), prefix.as_bytes(), text.as_bytes()])
}

/// A vector as it is kept: little-endian, four bytes a number.
pub fn to_bytes(vector: &[f32]) -> Vec<u8> {
    vector.iter().flat_map(|x| x.to_le_bytes()).collect()
}

/// A vector from how it is kept; `None` for bytes that are none.
pub fn from_bytes(bytes: &[u8]) -> Option<Vec<f32>> {
    let (numbers, rest) = bytes.as_chunks::<4>();
    let vector: Vec<f32> = numbers.iter().map(|b| f32::from_le_bytes(*b)).collect();
    (rest.is_empty() && !vector.is_empty() && vector.iter().all(|x| x.is_finite()))
        .then_some(vector)
}

/// The vectors of a document's chunks, of unit length, one after the other.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct VectorIndex {
    dimension: usize,
    numbers: Vec<f32>,
}

impl VectorIndex {
    /// Indexes the vectors; their positions in the slice are what [`Self::top`] returns. Models do
    /// not always give unit length, so it is made here.
    ///
    /// # Errors
    /// When they differ in dimension, or hold what is no number.
    pub fn new(vectors: &[Vec<f32>]) -> Result<Self, VectorError> {
        let dimension = vectors.first().map_or(0, Vec::len);
        let mut numbers = Vec::with_capacity(dimension * vectors.len());
        for vector in vectors {
            numbers.extend(unit(vector, dimension)?);
        }
        Ok(Self { dimension, numbers })
    }

    /// The best `k` chunks for a query with their cosines, best first; equal ones in document order.
    ///
    /// # Errors
    /// When the query is of another dimension, or holds what is no number.
    pub fn top(&self, query: &[f32], k: usize) -> Result<Vec<(usize, f64)>, VectorError> {
        if self.numbers.is_empty() {
            return Ok(Vec::new());
        }
        let query = unit(query, self.dimension)?;
        let cosine = |vector: &[f32]| -> f64 { f64::from(dot(vector, &query)) };
        let ranked = self.numbers.chunks_exact(self.dimension).map(cosine).enumerate().collect();
        Ok(super::best(ranked, k))
    }
}

/// Running sums of [`dot`]: as many as the compiler keeps in registers, side by side.
const SUMS: usize = 16;

/// In running sums whose order is the same everywhere.
///
/// By index over arrays of a fixed length, and a function of its own: with iterators the compiler asked
/// for their lengths by calls at every eight numbers, kept the sums in memory, and took four times as long.
#[allow(clippy::needless_range_loop)]
#[inline(never)]
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0_f32; SUMS];
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<SUMS>(), b.as_chunks::<SUMS>());
    for n in 0..a.len().min(b.len()) {
        let (a, b) = (&a[n], &b[n]);
        for i in 0..SUMS {
            sums[i] += a[i] * b[i];
        }
    }
    let mut sum = 0.0;
    for i in 0..SUMS {
        sum += sums[i];
    }
    for i in 0..a_rest.len().min(b_rest.len()) {
        sum += a_rest[i] * b_rest[i];
    }
    sum
}

fn unit(vector: &[f32], dimension: usize) -> Result<Vec<f32>, VectorError> {
    if vector.len() != dimension {
        return Err(VectorError::Dimension { wanted: dimension, got: vector.len() });
    }
    if vector.is_empty() || vector.iter().any(|x| !x.is_finite()) {
        return Err(VectorError::Unusable);
    }
    let length = vector.iter().map(|x| f64::from(*x) * f64::from(*x)).sum::<f64>().sqrt();
    // A vector of zeros points nowhere: its cosine is 0 with every other.
    let scale = if length > 0.0 { 1.0 / length } else { 0.0 };
    Ok(vector.iter().map(|x| (f64::from(*x) * scale) as f32).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_come_first_whatever_their_length() {
        let index =
            VectorIndex::new(&[vec![0.0, 9.0], vec![3.0, 0.0], vec![1.0, 1.0], vec![-1.0, 0.0]])
                .unwrap();
        let top = index.top(&[0.5, 0.0], 3).unwrap();
        assert_eq!(top.iter().map(|t| t.0).collect::<Vec<_>>(), [1, 2, 0]);
        assert!((top[0].1 - 1.0).abs() < 1e-6 && (top[1].1 - 0.5_f64.sqrt()).abs() < 1e-6);
        assert_eq!(index.top(&[0.5, 0.0], 0).unwrap(), []);
        assert_eq!(index.top(&[0.5, 0.0], 99).unwrap().len(), 4);
        assert_eq!(VectorIndex::new(&[]).unwrap().top(&[1.0], 5).unwrap(), []);
    }

    #[test]
    fn long_vectors_are_compared_in_all_their_numbers() {
        // 37 of them: two rounds of sixteen, and five besides.
        let of =
            |at: usize| -> Vec<f32> { (0..37).map(|n| f32::from(u8::from(n == at))).collect() };
        let index = VectorIndex::new(&(0..37).map(of).collect::<Vec<_>>()).unwrap();
        for at in 0..37 {
            assert_eq!(index.top(&of(at), 2).unwrap(), [(at, 1.0), (usize::from(at == 0), 0.0)]);
        }
        let half: Vec<f32> = (0..37).map(|n| if n < 36 { 1.0 } else { 0.0 }).collect();
        let [(_, best), ..] = index.top(&half, 1).unwrap()[..] else { panic!("one") };
        assert!((best - 1.0 / 6.0).abs() < 1e-6, "{best}");
    }

    #[test]
    fn equal_ones_keep_document_order() {
        let index = VectorIndex::new(&vec![vec![1.0, 2.0, 3.0]; 9]).unwrap();
        let top = index.top(&[1.0, 0.0, 0.0], 4).unwrap();
        assert_eq!(top.iter().map(|t| t.0).collect::<Vec<_>>(), [0, 1, 2, 3]);
    }

    #[test]
    fn vectors_that_do_not_belong_together_are_refused() {
        let error = VectorIndex::new(&[vec![1.0, 2.0], vec![1.0]]).unwrap_err();
        assert_eq!(error, VectorError::Dimension { wanted: 2, got: 1 });
        let said =
            "a vector of 1 numbers among vectors of 2: another model answers under the same name";
        assert_eq!(error.to_string(), said);
        assert_eq!(VectorIndex::new(&[vec![f32::NAN]]).unwrap_err(), VectorError::Unusable);
        assert_eq!(VectorIndex::new(&[vec![]]).unwrap_err(), VectorError::Unusable);
        let index = VectorIndex::new(&[vec![1.0, 2.0]]).unwrap();
        assert!(index.top(&[1.0, 2.0, 3.0], 1).is_err());
        assert_eq!(index.top(&[0.0, 0.0], 1).unwrap(), [(0, 0.0)]);
    }

    #[test]
    fn a_kept_vector_comes_back_bit_for_bit() {
        let vector: Vec<f32> = (1..=13).map(|n| 1.0 / n as f32).collect();
        assert_eq!(to_bytes(&vector).len(), 52);
        assert_eq!(from_bytes(&to_bytes(&vector)), Some(vector));
        assert_eq!(from_bytes(b"abc"), None);
        assert_eq!(from_bytes(b""), None);
        assert_eq!(from_bytes(&f32::NAN.to_le_bytes()), None);
        assert_eq!(to_bytes(&[1.0]), [0, 0, 128, 63]);
    }

    #[test]
    fn a_key_knows_its_model_and_prefix() {
        let key = vector_key("m", "search_query: ", "text");
        assert_ne!(key, vector_key("m", "search_document: ", "text"));
        assert_ne!(key, vector_key("n", "search_query: ", "text"));
        assert_eq!(key.len(), 64);
    }
}
