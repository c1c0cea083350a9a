"""Bundle adjustment (ADBench's): half the sum of the squares of the residuals."""

from __future__ import annotations

import numpy as np

from .workload import Workload


def reprojection(cameras, points, weights, camera, point, features):
    """cameras[k]: rotation vector, centre, focal length, principal point, radial distortion; camera[p] and point[p]
    say who took the observation p, and of what."""
    rotation, centre = cameras[:, :3], cameras[:, 3:6]
    angle = np.sqrt(np.sum(rotation**2, axis=1, keepdims=True))
    axis = (rotation / angle)[camera]
    cosine, sine = np.cos(angle)[camera], np.sin(angle)[camera]
    seen = points[point] - centre[camera]
    along = np.sum(axis * seen, axis=1, keepdims=True)
    seen = seen * cosine + np.cross(axis, seen) * sine + axis * along * (1 - cosine)
    flat = seen[:, :2] / seen[:, 2:]
    square = np.sum(flat**2, axis=1, keepdims=True)
    inner = cameras[:, 6:][camera]
    bent = flat * (1 + inner[:, 3:4] * square + inner[:, 4:5] * square**2)
    residuals = weights[:, None] * (bent * inner[:, :1] + inner[:, 1:3] - features)
    return 0.5 * np.sum(residuals**2) + 0.5 * np.sum((1 - weights**2) ** 2)


def gathered(table, index):
    """The columns table[index].T, each one contiguous."""
    return [column.take(index) for column in np.ascontiguousarray(table.T)]


def scattered(columns, index, n):
    """The sums of the columns' elements with the same index: [n, columns]."""
    sums = np.empty((n, len(columns)))
    for j, column in enumerate(columns):
        sums[:, j] = np.bincount(index, column, n)
    return sums


def reprojection_best(cameras, points, weights, camera, point, features):
    """In blocks of observations, whose columns stay in the cache."""
    value, step = 0.0, 8192
    dcameras, dpoints, dweights = np.zeros_like(cameras), np.zeros_like(points), np.empty_like(weights)
    for k in range(0, len(weights), step):
        some = slice(k, k + step)
        part, of_part = reprojection_of_some(cameras, points, weights[some], camera[some], point[some], features[some])
        value += part
        dcameras += of_part[0]
        dpoints += of_part[1]
        dweights[some] = of_part[2]
    return value, (dcameras, dpoints, dweights)


def reprojection_of_some(cameras, points, weights, camera, point, features):
    """On columns, as all of it is elementwise; scatter-add by bincount."""
    rotation = cameras[:, :3]
    angle = np.sqrt(np.vecdot(rotation, rotation))
    axes = rotation / angle[:, None]
    cosines, sines = np.cos(angle), np.sin(angle)
    table = np.column_stack((axes, cosines, sines, cameras[:, 3:]))
    a, b, c, cosine, sine, cx, cy, cz, focal, px, py, k1, k2 = gathered(table, camera)
    x, y, z = gathered(points, point)
    x -= cx
    y -= cy
    z -= cz
    along = a * x
    along += b * y
    along += c * z
    versine = 1 - cosine
    crossed = b * z - c * y, c * x - a * z, a * y - b * x
    scaled = along * versine
    u, v, w = (t * cosine + k * sine + e * scaled for t, k, e in zip((x, y, z), crossed, (a, b, c)))
    np.reciprocal(w, out=w)
    u *= w
    v *= w
    square = u * u
    square += v * v
    bend = k2 * square
    slope = bend + bend
    slope += k1
    bend += k1
    bend *= square
    bend += 1
    stretch = focal * bend
    fx, fy = np.ascontiguousarray(features.T)
    ex, ey = u * stretch, v * stretch
    ex += px
    ey += py
    ex -= fx
    ey -= fy
    lack = weights * weights
    length = ex * ex
    length += ey * ey
    value = 0.5 * lack.dot(length)
    dweights = weights * length
    ex *= lack
    ey *= lack
    np.subtract(1, lack, out=lack)
    value += 0.5 * lack.dot(lack)
    lack *= weights
    lack *= 2
    dweights -= lack
    # ex and ey are the cotangents of the bent point now
    pull = ex * u
    pull += ey * v
    dfocal = bend * pull
    pull *= focal
    dk1 = pull * square
    dk2 = dk1 * square
    pull *= slope
    pull *= 2
    du, dv = ex * stretch, ey * stretch
    du += pull * u
    dv += pull * v
    dw = u * du
    dw += v * dv
    np.negative(dw, out=dw)
    for one in (du, dv, dw):
        one *= w
    # the rotation: t cos + (axis x t) sin + axis (axis . t) (1 - cos)
    against = a * du
    against += b * dv
    against += c * dw
    beside = x * du
    beside += y * dv
    beside += z * dw
    dangle = against * along
    dangle -= beside
    dangle *= sine
    turn = crossed[0] * du
    turn += crossed[1] * dv
    turn += crossed[2] * dw
    turn *= cosine
    dangle += turn
    along *= versine
    against *= versine
    da = (y * dw - z * dv) * sine + along * du + against * x
    db = (z * du - x * dw) * sine + along * dv + against * y
    dc = (x * dv - y * du) * sine + along * dw + against * z
    dx = du * cosine + (dv * c - dw * b) * sine + against * a
    dy = dv * cosine + (dw * a - du * c) * sine + against * b
    dz = dw * cosine + (du * b - dv * a) * sine + against * c
    dpoints = scattered((dx, dy, dz), point, len(points))
    sums = scattered((da, db, dc, dx, dy, dz, dfocal, ex, ey, dk1, dk2, dangle), camera, len(cameras))
    dcameras, daxes = sums[:, :11], sums[:, :3]
    np.negative(sums[:, 3:6], out=sums[:, 3:6])
    daxes -= axes * np.vecdot(axes, daxes)[:, None]
    daxes /= angle[:, None]
    daxes += axes * sums[:, 11:]
    return value, (dcameras, dpoints, dweights)


def reprojection_naive(cameras, points, weights, camera, point, features):
    rotation, centre = cameras[camera, :3], cameras[camera, 3:6]
    focal, principal, radial = cameras[camera, 6:7], cameras[camera, 7:9], cameras[camera, 9:]
    angle = np.sqrt(np.sum(rotation**2, axis=1, keepdims=True))
    axis = rotation / angle
    cosine, sine = np.cos(angle), np.sin(angle)
    t = points[point] - centre
    along = np.sum(axis * t, axis=1, keepdims=True)
    seen = t * cosine + np.cross(axis, t) * sine + axis * along * (1 - cosine)
    flat = seen[:, :2] / seen[:, 2:]
    square = np.sum(flat**2, axis=1, keepdims=True)
    bend = 1 + radial[:, :1] * square + radial[:, 1:] * square**2
    error = flat * bend * focal + principal - features
    residuals = weights[:, None] * error
    value = 0.5 * np.sum(residuals**2) + 0.5 * np.sum((1 - weights**2) ** 2)
    dweights = np.sum(residuals * error, axis=1) - 2 * weights * (1 - weights**2)
    dprincipal = weights[:, None] * residuals
    dbent = dprincipal * focal
    dfocal = np.sum(dprincipal * flat * bend, axis=1, keepdims=True)
    dbend = np.sum(dbent * flat, axis=1, keepdims=True)
    dradial = np.concatenate((dbend * square, dbend * square**2), axis=1)
    dflat = dbent * bend + 2 * flat * dbend * (radial[:, :1] + 2 * radial[:, 1:] * square)
    ddepth = -np.sum(dflat * flat, axis=1, keepdims=True) / seen[:, 2:]
    g = np.concatenate((dflat / seen[:, 2:], ddepth), axis=1)
    against = np.sum(axis * g, axis=1, keepdims=True)
    dt = g * cosine + np.cross(g, axis) * sine + axis * against * (1 - cosine)
    dangle = np.sum(np.cross(axis, t) * g, axis=1, keepdims=True) * cosine
    dangle = dangle + (along * against - np.sum(t * g, axis=1, keepdims=True)) * sine
    daxis = np.cross(t, g) * sine + (1 - cosine) * (along * g + against * t)
    drotation = (daxis - axis * np.sum(axis * daxis, axis=1, keepdims=True)) / angle + dangle * axis
    dcameras, dpoints = np.zeros_like(cameras), np.zeros_like(points)
    np.add.at(dcameras, camera, np.concatenate((drotation, -dt, dfocal, dprincipal, dradial), axis=1))
    np.add.at(dpoints, point, dt)
    return value, (dcameras, dpoints, dweights)


def reprojection_arguments(random, cameras, points, observations):
    uniform = random.uniform
    table = np.concatenate(
        [
            uniform(-0.5, 0.5, (cameras, 3)),
            uniform(-0.3, 0.3, (cameras, 3)) - [0, 0, 5],
            uniform(0.8, 1.2, (cameras, 1)),
            uniform(-0.1, 0.1, (cameras, 4)),
        ],
        axis=1,
    )
    camera, point = random.integers(0, cameras, observations), random.integers(0, points, observations)
    features = uniform(-0.5, 0.5, (observations, 2))
    return table, uniform(-1, 1, (points, 3)), uniform(0.5, 1.5, observations), camera, point, features


WORKLOADS = [
    Workload(
        "bundle",
        "bundle adjustment, 49 cameras, 31,843 observations",
        reprojection,
        reprojection_best,
        reprojection_naive,
        reprojection_arguments,
        {"cameras": 49, "points": 7776, "observations": 31843},
        {"cameras": 3, "points": 5, "observations": 20},
        count=3,
    )
]
