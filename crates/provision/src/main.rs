//! Parse, run, turn the result into an exit code.

fn main() -> std::process::ExitCode {
    std::process::ExitCode::from(provision::run(std::env::args_os(), provision::world::World::of_process()))
}
