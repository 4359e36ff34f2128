//! A load generator for MQTT brokers, and the bench that compares Nightjar with others.
//!
//! One thread with non-blocking sockets drives all clients. A message carries a stamp (`stamp.rs`), so that what comes
//! back gives throughput, latency, and what was lost, doubled or reordered. What is measured is the broker: the
//! generator prepares its packets beforehand and looks at no more of an incoming packet than it counts.

mod bench;
mod client;
mod floor;
mod frame;
mod generator;
mod histogram;
mod machine;
mod order;
mod plan;
mod publisher;
mod report;
mod route;
mod stamp;
mod storm;
mod stream;
mod web_socket;

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
    /// Compare nightjar-server with other brokers, as Markdown tables
    Bench(bench::Bench),
    /// Pass packets on like a broker that knows no topics, for the bench to compare with
    Floor,
    /// Measure what others notice of 20,000 subscriptions and of 100,000 retained messages for one client
    Storm(storm::Storm),
}

#[expect(clippy::print_stdout, reason = "printing is what this program is for")]
fn main() -> anyhow::Result<()> {
    match Arguments::parse().command {
        Command::Run(plan) => println!("{}", generator::run(&plan)?),
        Command::Bench(bench) => bench.run()?,
        Command::Floor => floor::run()?,
        Command::Storm(storm) => storm.run()?,
    }
    Ok(())
}
