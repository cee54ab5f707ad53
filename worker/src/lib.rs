//! The program that finds faces in the frames it is sent.
