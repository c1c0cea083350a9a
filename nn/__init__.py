"""Layers of neural networks as functions of arrays, with the names, arguments and layout of torch.nn.functional.

Written in plain NumPy, so they run on arrays and are recorded when a gradient is traced; only the convolution is an
operation of its own. Signals, images and volumes have the batch first and the channels second: [n, c, length],
[n, c, height, width], [n, c, depth, height, width]. Each function raises ValueError for shapes and sizes that do not
fit together, TypeError for a size that is not an integer.
"""

from .activations import elu, gelu, leaky_relu, log_softmax, relu, sigmoid, silu, softmax, softplus
from .attention import dropout, embedding, scaled_dot_product_attention
from .convolution import conv1d, conv2d, conv3d, conv_transpose2d
from .losses import binary_cross_entropy, binary_cross_entropy_with_logits, cross_entropy, mse_loss, nll_loss
from .normalization import batch_norm, layer_norm
from .pooling import avg_pool1d, avg_pool2d, max_pool1d, max_pool2d

__all__ = [
    "avg_pool1d",
    "avg_pool2d",
    "batch_norm",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose2d",
    "cross_entropy",
    "dropout",
    "elu",
    "embedding",
    "gelu",
    "layer_norm",
    "leaky_relu",
    "log_softmax",
    "max_pool1d",
    "max_pool2d",
    "mse_loss",
    "nll_loss",
    "relu",
    "scaled_dot_product_attention",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
]
