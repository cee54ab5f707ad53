//! Pure-Rust picture work of facefleet: JPEG, resize, face detectors, Canny, drawing.
