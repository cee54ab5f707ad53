//! The command `run`: finds faces in one input, in one or more streams, or in many inputs, `--jobs` at a time.

mod cluster;
mod error;
mod many;
mod one;
mod plan;
mod stream;

use facefleet_service::shutdown;

use crate::cli::RunArgs;
pub use error::RunError;

/// Runs all streams to their end, or until Ctrl-C.
///
/// # Errors
/// Returns the first error. The other streams and their outputs are finished all the same.
pub(crate) async fn run(args: RunArgs) -> Result<(), RunError> {
    let stop = shutdown::on_signal().map_err(RunError::Signal)?;
    match plan::files_of(&args)? {
        None => one::run(args, stop).await,
        Some(files) => many::run(args, files, stop).await,
    }
}
