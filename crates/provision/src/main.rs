//! Parse, run, turn the result into an exit code.

// A stack is a great many small texts; see the version table for what it saves.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    std::process::ExitCode::from(provision::run(std::env::args_os(), provision::world::World::of_process()))
}
