"""How skin, eyes, wet linings, hair, cloth and glasses answer to light, one sample at a time.

Owns the compiled loop from surface values and visibility to radiance. Knows neither what is
painted on a surface (``surface``) nor which lamps there are (``lighting``).

Skin: diffuse light that wraps around the terminator further in red than in blue, light that comes
through thin parts by the depth the shadow map shows (Jensen's mean free paths: red travels about
four millimetres in skin, blue less than one), and two microfacet lobes (Walter et al., EGSR 2007)
with Schlick's Fresnel term. Hair: Kajiya and Kay's diffuse term and two highlights shifted apart
along the strand (Marschner et al., SIGGRAPH 2003; the shifts after Scheuermann, 2004).
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from likeness.studio.visibility import soft_shadow

SKIN, EYE, WET, STRAND, CLOTH, GLOSS, CAP = range(7)
"""Materials."""

#                  wrap r, g, b      through r, g, b (mm)  reflectance  second lobe's share
_MATERIALS = np.array(
    [
        [0.26, 0.11, 0.06, 4.2, 1.35, 0.70, 0.028, 0.30],
        [0.12, 0.10, 0.09, 2.0, 1.60, 1.40, 0.025, 0.00],
        [0.18, 0.12, 0.10, 3.0, 1.10, 0.90, 0.030, 0.35],
        [0.30, 0.30, 0.30, 7.0, 6.00, 5.50, 0.046, 0.50],
        [0.10, 0.10, 0.10, 0.8, 0.80, 0.80, 0.040, 0.00],
        [0.00, 0.00, 0.00, 0.3, 0.30, 0.30, 0.000, 0.00],
        [0.10, 0.10, 0.10, 5.0, 5.00, 5.00, 0.040, 0.00],
    ],
    dtype=np.float32,
)
_RETURNED = (0.55, 0.55, 1.4, 0.55, 0.55, 0.55, 0.55)
"""Share of the light thrown about that reaches a point where the surroundings are blocked; into
the mouth some comes through the cheeks."""
_PASSED_ON = 6.0
"""How much farther light gets through hair for each unit of albedo of its fibres: what they do not
absorb they scatter on, and there is no black between white hairs (Zinke et al., "Dual scattering
approximation", SIGGRAPH 2008)."""
_SPECULAR = 1.3
_PLASTIC = 0.08
"""Straight reflectance no plastic or lacquer exceeds (a refractive index of 1.8). What is painted
beyond mirrors as metal does, in the colour of what it scatters, and in white only where it is
grazed (Schlick's term, channel by channel)."""
_BIAS = (0.0, 0.0022, 0.0013)
"""Metres by which what throws a shadow is nearer to the lamp at least, by the texels the window
reaches to each side: coarse maps tell depths less well."""
_BEHIND_SOFT = 0.02
"""Metres of matter before whatever the light of a lamp without a shadow map does not reach."""
_REORDERED = {"contract", "arcp", "reassoc", "nsz"}
"""What the compiler may do to sums and quotients; what is not a number or infinite stays so."""
_MIRROR_EDGE = 0.5
"""Radians over which a mirrored direction passes from open to blocked."""


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_REORDERED)
def _microfacet(alpha, n_h, n_l, n_v):
    """GGX distribution times the height-correlated masking term (Smith), over 4 (n.l) (n.v)."""
    a2 = alpha * alpha
    d = n_h * n_h * (a2 - 1.0) + 1.0
    distribution = a2 / (math.pi * d * d)
    masking_v = n_l * math.sqrt(n_v * n_v * (1.0 - a2) + a2)
    masking_l = n_v * math.sqrt(n_l * n_l * (1.0 - a2) + a2)
    return distribution * 0.5 / max(masking_v + masking_l, 1e-6)


@njit(cache=True, nogil=True, error_model="numpy")
def _harmonic_sum(coefficients, channel, x, y, z):
    """Radiance from a direction, of (9, 3) harmonic coefficients."""
    return (
        0.282095 * coefficients[0, channel]
        + 0.488603
        * (
            coefficients[1, channel] * x
            + coefficients[2, channel] * y
            + coefficients[3, channel] * z
        )
        + 1.092548
        * (
            coefficients[4, channel] * x * y
            + coefficients[5, channel] * x * z
            + coefficients[6, channel] * y * z
        )
        + 0.546274 * coefficients[7, channel] * (x * x - y * y)
        + 0.315392 * coefficients[8, channel] * (3.0 * z * z - 1.0)
    )


@njit(cache=True, nogil=True, error_model="numpy")
def _disc(radius, cosine):
    """Radiance of a lamp's disc of unit irradiance in a mirror; large ones have no edge."""
    low, high = math.cos(1.1 * radius + 0.3 * radius), math.cos(0.85 * radius * (1.0 - radius))
    t = min(max((cosine - low) / (high - low), 0.0), 1.0)
    return t * t * (3.0 - 2.0 * t) / (math.pi * radius * radius)


@njit(cache=True, nogil=True)
def _open_transfer(x, y, z, received):
    """Transfer of a surface nothing blocks: the harmonics of its normal, convolved with a
    cosine.
    """
    received[0] = 0.282095
    received[1], received[2], received[3] = 0.325735 * x, 0.325735 * y, 0.325735 * z
    received[4], received[5], received[6] = 0.273137 * x * y, 0.273137 * x * z, 0.273137 * y * z
    received[7] = 0.136569 * (x * x - y * y)
    received[8] = 0.078848 * (3.0 * z * z - 1.0)


@njit(cache=True, nogil=True, error_model="numpy")
def _mirror_sees_out(received, seen, x, y, z):
    """Whether a mirror direction leads past the figure, 0..1.

    What a point sees of its surroundings is taken as a cone about the mean open direction, which
    the transfer's linear harmonics hold (bent normal; Landis, "Production-ready global
    illumination", 2002), as wide as lets the share ``seen`` of the cosine through. Without it the
    grazing outline of a jaw mirrors the sky although the neck stands behind it.
    """
    bx, by, bz = received[1], received[2], received[3]
    length = math.sqrt(bx * bx + by * by + bz * bz)
    cosine = (bx * x + by * y + bz * z) / max(length, 1e-6)
    rim = math.sqrt(1.0 - seen)
    if cosine >= rim:
        return 1.0  # within the cone, which most directions are
    beyond = math.acos(max(cosine, -1.0)) - math.acos(rim)
    t = min(max(1.0 - beyond / _MIRROR_EDGE, 0.0), 1.0)
    return t * t * (3.0 - 2.0 * t)


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_REORDERED)
def shade(
    position,
    normal,
    tangent,
    material,
    albedo,
    bump,
    specular,
    roughness,
    occlusion,
    bary,
    corners,
    transfer,
    surroundings,
    lamp_directions,
    lamp_colors,
    lamp_softness,
    map_axes,
    map_origin,
    map_texel,
    map_depth,
    map_least,
    map_reach,
    out,
):
    """Radiance toward a camera at the origin, into ``out`` (N, 3).

    Positions and normals are in the picture's axes in metres; ``bump`` is already turned into them.
    Lamps are rows; the first ones have shadow maps (``map_*[lamp]``), the light of the others is
    soft and blocked like ambient light. Ambient light comes through
    ``transfer``, rows of which the ``corners`` of a sample name; strands, which have none, are
    taken as open to the side they face, less ``occlusion``.
    """
    diffuse, gloss, tint, received = np.zeros(3), np.zeros(3), np.zeros(3), np.zeros(9)
    through_soft = np.exp(-1000.0 * (_BEHIND_SOFT + 0.0012) / _MATERIALS[:, 3:6])
    about = np.empty(3)  # light thrown about between the figure's own surfaces
    for c in range(3):
        about[c] = 0.282095 * surroundings[0, c]
        for lamp in range(lamp_directions.shape[0]):
            about[c] += 0.25 * max(lamp_directions[lamp, 2], 0.0) * lamp_colors[lamp, c]
    for sample in range(position.shape[0]):
        px, py, pz = position[sample, 0], position[sample, 1], position[sample, 2]
        kind = material[sample]
        inverse = 1.0 / math.sqrt(px * px + py * py + pz * pz)
        vx, vy, vz = -px * inverse, -py * inverse, -pz * inverse
        gx, gy, gz = normal[sample, 0], normal[sample, 1], normal[sample, 2]
        # Seen from behind; smoothed normals on outlines turn away a little without being so.
        if kind == CLOTH and gx * vx + gy * vy + gz * vz < -0.3:
            gx, gy, gz = -gx, -gy, -gz
        nx, ny, nz = gx + bump[sample, 0], gy + bump[sample, 1], gz + bump[sample, 2]
        inverse = 1.0 / math.sqrt(nx * nx + ny * ny + nz * nz)
        nx, ny, nz = nx * inverse, ny * inverse, nz * inverse
        n_v = max(nx * vx + ny * vy + nz * vz, 0.03)
        rx, ry, rz = 2.0 * n_v * nx - vx, 2.0 * n_v * ny - vy, 2.0 * n_v * nz - vz
        rough = roughness[sample]
        alpha = max(rough * rough, 0.002)
        # Of metal and plastic the straight reflectance is painted, and none mirrors more than all.
        is_painted = kind == GLOSS
        reflectance = specular[sample] if is_painted else _MATERIALS[kind, 6]
        shine = 1.0 if is_painted else _SPECULAR * specular[sample]
        metal = is_painted and reflectance > _PLASTIC
        second = _MATERIALS[kind, 7]
        tx, ty, tz = tangent[sample, 0], tangent[sample, 1], tangent[sample, 2]
        for c in range(3):
            diffuse[c] = 0.0
            gloss[c] = 0.0

        if metal:
            for c in range(3):
                hue = (albedo[sample, c] + 1e-4) / (albedo[sample, 1] + 1e-4)
                tint[c] = (reflectance - _PLASTIC) * (hue - 1.0)
        if kind == STRAND:
            _open_transfer(gx, gy, gz, received)
            for c in range(3):
                tint[c] = math.sqrt(max(albedo[sample, c], 0.0))
        else:
            for k in range(9):
                received[k] = 0.0
                for corner in range(3):
                    received[k] += bary[sample, corner] * transfer[corners[sample, corner], k]
        seen = received[0] / 0.282095  # share of the surroundings not blocked
        shade_of_parts = occlusion[sample]
        if kind == WET:
            # The mouth's own walls are in the transfer already.
            shade_of_parts = math.sqrt(shade_of_parts)
        seen = min(max(seen, 0.0), 1.0)
        past = 1.0
        if kind != STRAND:
            past = _mirror_sees_out(received, seen, rx, ry, rz)
        seen *= shade_of_parts

        for lamp in range(lamp_directions.shape[0]):
            lx, ly, lz = (
                lamp_directions[lamp, 0],
                lamp_directions[lamp, 1],
                lamp_directions[lamp, 2],
            )
            if lamp_colors[lamp, 1] <= 0.0:
                continue
            n_l = nx * lx + ny * ly + nz * lz
            g_l = gx * lx + gy * ly + gz * lz
            if kind != STRAND and n_l < -_MATERIALS[kind, 0]:
                continue  # beyond the reach of the widest wrap
            # Points are lifted off their surface most where the light grazes it, and by more the
            # wider the window they look at.
            if lamp < len(map_texel):
                texel = map_texel[lamp]
                lift = (
                    0.2
                    * (2.0 * map_reach + 1.0)
                    * texel
                    * (1.0 + 1.5 * (1.0 - min(max(g_l, 0.0), 1.0)))
                )
                lift *= 1.0 if g_l > 0.0 else 0.4
                lit, behind = soft_shadow(
                    px + gx * lift,
                    py + gy * lift,
                    pz + gz * lift,
                    lamp,
                    map_axes,
                    map_origin,
                    map_texel,
                    map_depth,
                    map_least,
                    map_reach,
                    _BIAS[map_reach],
                )
            else:
                lit, behind = seen, _BEHIND_SOFT
            hx, hy, hz = lx + vx, ly + vy, lz + vz
            inverse = 1.0 / max(math.sqrt(hx * hx + hy * hy + hz * hz), 1e-6)
            hx, hy, hz = hx * inverse, hy * inverse, hz * inverse
            if kind == STRAND:
                t_l = tx * lx + ty * ly + tz * lz
                across = math.sqrt(max(1.0 - t_l * t_l, 0.0))
                facing = max((g_l + 0.30) / 1.30, 0.0)
                level = (0.25 + 0.75 * facing) * (0.35 + 0.65 * across)
                gate = min(max((g_l + 0.25) / 0.5, 0.0), 1.0) * specular[sample]
                first_lobe, second_lobe = 0.0, 0.0
                if gate > 0.0:
                    exponent = 2.0 / max(alpha, 0.01)
                    t_h = (tx - 0.09 * gx) * hx + (ty - 0.09 * gy) * hy + (tz - 0.09 * gz) * hz
                    first_lobe = math.pow(max(1.0 - t_h * t_h, 0.0), exponent)
                    t_h = (tx + 0.13 * gx) * hx + (ty + 0.13 * gy) * hy + (tz + 0.13 * gz) * hz
                    second_lobe = math.pow(max(1.0 - t_h * t_h, 0.0), 0.25 * exponent)
                for c in range(3):
                    through = lit
                    if lit < 1.0:
                        reach = _MATERIALS[kind, 3 + c] * (1.0 + _PASSED_ON * albedo[sample, c])
                        through += (1.0 - lit) * math.exp(-1000.0 * behind / reach)
                    light = through * lamp_colors[lamp, c]
                    diffuse[c] += light * level
                    gloss[c] += light * gate * (0.035 * first_lobe + 0.16 * tint[c] * second_lobe)
                continue

            for c in range(3):
                wrap = _MATERIALS[kind, c]
                level = max((n_l + wrap) / (1.0 + wrap), 0.0)
                if level > 0.0:
                    through = lit
                    if lamp >= len(map_texel):
                        through += (1.0 - lit) * through_soft[kind, c]
                    elif lit < 1.0:
                        through += (1.0 - lit) * math.exp(
                            -1000.0 * (behind + 0.0012) / _MATERIALS[kind, 3 + c]
                        )
                    diffuse[c] += level * through * lamp_colors[lamp, c]
            if n_l > 0.0 and lit > 0.0:
                n_h = min(max(nx * hx + ny * hy + nz * hz, 0.0), 1.0)
                v_h = min(max(vx * hx + vy * hy + vz * hz, 0.0), 1.0)
                grazed = (1.0 - v_h) ** 5
                fresnel = reflectance + (1.0 - reflectance) * grazed
                # A lamp has a size: it blurs the lobe and lowers its peak.
                wide = min(alpha + 0.5 * lamp_softness[lamp], 1.0)
                if kind == EYE and rough < 0.15:
                    if lamp >= len(map_texel):
                        continue  # a large soft light would veil the pupil
                    lobe = _disc(lamp_softness[lamp] + alpha, rx * lx + ry * ly + rz * lz) / n_l
                else:
                    lobe = _microfacet(wide, n_h, n_l, n_v)
                if second > 0.0:
                    narrow = min(0.38 * alpha + 0.5 * lamp_softness[lamp], 1.0)
                    lobe = (1.0 - second) * lobe + second * _microfacet(narrow, n_h, n_l, n_v)
                # Strength is measured on a white diffuse surface, hence the factor pi.
                strength = shine * lobe * n_l * lit * math.pi
                for c in range(3):
                    mirrored = fresnel + tint[c] * (1.0 - grazed) if metal else fresnel
                    gloss[c] += strength * mirrored * lamp_colors[lamp, c]

        grazed = (1.0 - n_v) ** 5
        fresnel = reflectance + (max(1.0 - rough, reflectance) - reflectance) * grazed
        for c in range(3):
            ambient = 0.0
            for k in range(9):
                ambient += received[k] * surroundings[k, c]
            ambient = max(ambient, 0.0) * shade_of_parts
            # What is blocked is blocked by the same kind of surface, which returns some light.
            white = albedo[sample, c]
            returned = _RETURNED[kind] * white * (1.0 - seen) * about[c]
            mirror = max(_harmonic_sum(surroundings, c, rx, ry, rz), 0.0)
            value = white * (diffuse[c] + ambient + returned) + gloss[c]
            if kind != STRAND:
                # Tears mirror what water does; more would lie over the pupil as a veil.
                strength = 1.0 if kind == EYE else shine
                mirrored = fresnel + tint[c] * (1.0 - grazed) if metal else fresnel
                value += strength * mirrored * mirror * seen * seen * past
            out[sample, c] = value
