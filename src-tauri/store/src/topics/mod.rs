/// Where a topic is in the tree, for whoever asks again.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct NodeHint(Option<u32>);
