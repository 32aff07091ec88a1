-- Says what is wrong with a token that was refused, for /explain. No part of the token itself is ever said.

local timestamp = require("bg.lib.timestamp")

local concat = table.concat
local format = string.format
local ipairs = ipairs

-- By reason (docs/tokens.md).
local REASONS = {
    too_large = "longer than 8192 bytes",
    malformed = "not three segments of base64url with strict JSON in them",
    crit = "it has a crit, b64 or enc header",
    unknown_kid = "its kid names no key in the ring, or none any more",
    alg = "its alg is not that of its key",
    signature = "its signature is not its key's: forged, or damaged",
    issuer = "of another issuer",
    audience = "for another audience",
    expired = "expired",
    not_yet = "issued in the future",
    too_long = "it lasts longer than [tokens] longest allows",
    claims = "a claim is missing or not of its kind",
}

local _M = {}

--- A time (seconds since the epoch) as text.
function _M.moment(seconds)
    return timestamp.format(seconds) or "an unknown time"
end

local function text_of(fault)
    if fault.reason == "too_long" then
        return format("good until %s, longer than [tokens] longest allows", _M.moment(fault.at))
    elseif fault.reason == "expired" then
        return "expired at " .. _M.moment(fault.at)
    end
    return fault.why or REASONS[fault.reason] or fault.reason
end

--- All causes in one text, so that they can be mended at once. `worth` is `{reason, faults}` (tokens.verifier); the
-- reason alone counts where the faults have passed since.
function _M.why(worth)
    local causes = {}
    for i, fault in ipairs(worth.faults) do
        causes[i] = text_of(fault)
    end
    return #causes > 0 and concat(causes, "; ") or REASONS[worth.reason] or worth.reason
end

return _M
