//! A load generator for MQTT brokers, and the bench that compares Nightjar with mosquitto.
//!
//! One thread with non-blocking sockets drives all clients. A message carries the time it was sent at, so what comes
//! back gives throughput, loss and latency. What is measured is the broker: the generator prepares its packets
//! beforehand and looks at no more of an incoming packet than it counts.

mod bench;
mod client;
mod frame;
mod generator;
mod histogram;
mod plan;
mod report;
mod storm;

use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(name = "nightjar-load", about = "Load for an MQTT broker")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Put one load on a broker and print what came of it
    Run(plan::Plan),
    /// Compare nightjar-server with mosquitto, as a Markdown table
    Bench(bench::Bench),
    /// Measure what others notice of 20,000 subscriptions and of 100,000 retained messages for one client
    Storm(storm::Storm),
}

#[expect(clippy::print_stdout, reason = "printing is what this program is for")]
fn main() -> anyhow::Result<()> {
    match Arguments::parse().command {
        Command::Run(plan) => println!("{}", generator::run(&plan)?),
        Command::Bench(bench) => bench.run()?,
        Command::Storm(storm) => storm.run()?,
    }
    Ok(())
}
