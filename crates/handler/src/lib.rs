//! MPS events to a WeCom group: the function that the first manifest deploys.
