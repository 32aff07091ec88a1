-- The cookies that are signed with the pin's secret: the pin, the page cookie that stands in for a pin with the answer
-- to a POST from another site, and the preview. Keeps the secret and the verifiers of this worker, and says how a new
-- secret takes over: every worker believes new pins before the first worker signs with the new secret, and pins that
-- were signed with the secret before it stay good.

local base64url = require("bg.lib.base64url")
local cookie = require("bg.lib.cookie")
local crypto = require("bg.lib.crypto")
local names = require("bg.lib.names")
local pin = require("bg.tokens.pin")
local preview_link = require("bg.tokens.preview_link")
local refusals = require("bg.tokens.refusals")
local secret_file = require("bg.lib.secret_file")
local verifier = require("bg.tokens.verifier")

local error, ipairs, type = error, ipairs, type
local huge = math.huge

local SETTLE_SECONDS = 2 -- after which every worker has read a new secret

local settings, file
local secret -- `{text, key}` that pins are signed with
local former -- the secret that was in force before it, or nil
local coming -- `{secret, at}`: the secret that signs next, and when it was read; or nil
-- Verifiers. `other_pins` takes pins of the secret that is coming, or of the one before: their browsers stay where they
-- are.
local pins, other_pins, pages, previews
local count_pin, count_page, count_preview = refusals.counter("pin"), refusals.counter("page"),
    refusals.counter("preview")

local _M = {}

-- Completes the identity in a token of our own, which has its session's name as it is.
local function complete(identity)
    identity.key, identity.pin_sid = names.key(identity.sid), identity.sid
end

-- A pin of the former secret is good, and is to be signed anew.
local function complete_former(identity)
    complete(identity)
    identity.former = true
end

-- A pin is good for as long as it says, also where the settings ([tokens] longest, pin_idle) would make it shorter by
-- now: it keeps the browsers whose tokens are refused then.
local function pin_verifier(key, completes)
    local rules = { issuer = pin.ISSUER, leeway = 0, longest = huge }
    return verifier.new({ [pin.KID] = key }, rules, count_pin, completes)
end

-- bgctl signs links with a new secret at once; links that were signed with the old one end. A preview is good for as
-- long as bgctl was told.
local function renew_previews(new)
    local rules = { issuer = preview_link.ISSUER, leeway = 0, longest = huge }
    previews = verifier.new({ [preview_link.KID] = new.key }, rules, count_preview, complete)
end

local function sign_with(new)
    former, secret, coming = secret, new, nil
    pins = pin_verifier(new.key, complete)
    local rules = { issuer = pin.PAGE_ISSUER, leeway = 0, longest = settings.pin_idle }
    pages = verifier.new({ [pin.PAGE_KID] = new.key }, rules, count_page, complete)
    other_pins = former and pin_verifier(former.key, complete_former)
end

local function as_secret(text)
    local key, why = crypto.key("HS256", text)
    return key and { text = text, key = key }, why
end

--- Reads the secret and sets up the verifiers. Raises on a secret that must not be used: the proxy does not start then.
function _M.init(given)
    settings, secret = given, nil
    file = secret_file.new(settings.pin_key_file, as_secret)
    if not file:poll() then
        error(settings.pin_key_file .. ": " .. file.why, 0)
    end
    sign_with(file.value)
    renew_previews(file.value)
end

--- Reads the secret again, at `now` in seconds. Returns whether pins are signed with another one from now on.
function _M.sync(now)
    if file:poll() then
        coming = { secret = file.value, at = now }
        other_pins = pin_verifier(coming.secret.key, complete)
        renew_previews(coming.secret)
    end
    if not coming or now < coming.at + SETTLE_SECONDS then
        return false
    end
    sign_with(coming.secret)
    return true
end

--- Why the newest secret on disk is not the one in force; nil when it is.
function _M.fault()
    return file.why and file.name .. ": " .. file.why
end

-- The verifier for a pin. The secret in force is tried first: most pins are signed with it, and the other secret may be
-- there for months.
local function verifier_of(text, now)
    local is_other = other_pins and text and not pins:look(text, now) and other_pins:look(text, now)
    return is_other and other_pins or pins
end

-- The identity in another cookie of the pin's name, or of the name that it had before [pin] was changed: the one that
-- is as pins are now, otherwise the first that verifies.
local function other_pin(cookies, now)
    local found
    for _, text in ipairs(cookie.all(cookies, settings.pin_name)) do
        local identity = verifier_of(text, now):look(text, now)
        if identity and identity.jar == settings.pin_jar then
            return identity
        end
        found = found or identity
    end
    return found
end

--- The identity in the pin, if one verifies. It has `former` where the pin is to be minted anew.
function _M.pin(cookies, now, quietly)
    local text = cookie.get(cookies, settings.pin_cookie)
    local identity = verifier_of(text, now):identity(text, now, quietly)
    if identity and identity.jar == settings.pin_jar or not cookies then
        return identity
    end
    return other_pin(cookies, now)
end

--- The identity in the page cookie: it names the version of a page that was the answer to a POST from another site.
function _M.posted(cookies, now, quietly)
    return pages:identity(cookie.get(cookies, settings.page_cookie), now, quietly)
end

--- The identity in the preview's cookie, if it verifies.
function _M.preview(cookies, now, quietly)
    return previews:identity(cookie.get(cookies, settings.preview_cookie), now, quietly)
end

--- The identity in the token of a preview's link; or nil and the reason, which is counted. The reason is "retired"
-- where the token is good and `is_served(identity)` says that its version is not served any more.
function _M.preview_link(text, now, is_served)
    local known, reason = previews:verify(type(text) == "string" and text or "", now)
    if known and not is_served(known) then
        count_preview("retired")
        return nil, "retired"
    end
    return known, reason
end

--- What these cookies are worth, for explaining: `{pin, page, preview}` as verifier:worth() has it.
function _M.worth(cookies, now)
    local text, identity = cookie.get(cookies, settings.pin_cookie), _M.pin(cookies, now, true)
    return {
        pin = identity and { identity = identity } or verifier_of(text, now):worth(text, now),
        page = pages:worth(cookie.get(cookies, settings.page_cookie), now),
        preview = previews:worth(cookie.get(cookies, settings.preview_cookie), now),
    }
end

--- The sid in the pin of a session (tokens.pin).
function _M.pin_sid(sid, name)
    return pin.sid(secret.text, sid, name)
end

--- A keyed hash of `text`.
function _M.hash(text)
    return base64url.encode(crypto.hmac(secret.text, text))
end

--- What hash() gave before the secret in force; nil where there was no other secret.
function _M.former_hash(text)
    return former and base64url.encode(crypto.hmac(former.text, text))
end

--- The Set-Cookie value of a new pin with these claims (tokens.pin), good for `life` seconds.
function _M.pin_cookie(claims, life, now)
    return cookie.set(settings.pin_cookie, pin.mint(secret.text, claims, now + life, now), life, settings)
end

--- The Set-Cookie value of a page cookie: it says of which version the answer to a POST from another site is.
function _M.page_cookie(claims, life, now)
    return cookie.set(settings.page_cookie, pin.mint_page(secret.text, claims, now + life, now), life, settings)
end

return _M
