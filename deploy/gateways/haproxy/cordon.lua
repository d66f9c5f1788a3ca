-- Asks Cordon about a request: `http-request lua.cordon ROUTE closed`, or `open`.
--
-- It reads  txn.cordon_account, the source address, Accept and Accept-Language.
-- It sets   txn.cordon_effect, txn.cordon_decision_id, txn.cordon_country, for the application.
-- What is denied is answered here, as Cordon says. Where Cordon cannot be asked: `closed` answers 503, and `open` lets the
-- request through with the effect `unavailable`. What Cordon denies stays denied, and so does what it is asked wrongly.

local ASKED_AT = "abns@cordon-checks" -- the frontend of that name in haproxy.cfg
local PATIENCE_MS = 1000 -- the last resort: that frontend's own backend waits less
local PASSED_ON = { "content-type", "content-language", "link", "retry-after", "x-cordon-decision-id" }
local TOLD = { ["x-cordon-decision-id"] = "txn.cordon_decision_id", ["x-cordon-country"] = "txn.cordon_country" }
local UNAVAILABLE = '{"type":"about:blank","title":"Service Unavailable","status":503,'
    .. '"detail":"access cannot be decided at the moment"}'

local function refuse(txn, status, headers, body)
    headers["cache-control"] = { "no-store" }
    txn:done(txn:reply({ status = status, headers = headers, body = body }))
end

local function first(headers, name)
    return headers ~= nil and headers[name] ~= nil and headers[name][0] or nil
end

local function question(txn)
    local asked = {
        ["x-cordon-client-address"] = { txn.sf:src() },
        ["accept"] = { txn.sf:req_fhdr("accept") },
        ["accept-language"] = { txn.sf:req_fhdr("accept-language") },
    }
    local account = txn:get_var("txn.cordon_account")
    if account ~= nil then
        asked["x-cordon-account"] = { account }
    end
    return asked
end

local function deny(txn, answer)
    local headers = {}
    for _, name in ipairs(PASSED_ON) do
        local value = first(answer.headers, name)
        if value ~= nil then
            headers[name] = { value }
        end
    end
    refuse(txn, answer.status, headers, answer.body)
end

local function check(txn, route, otherwise)
    local answer = core.httpclient():get({
        url = "http://cordon/check/forward-auth/" .. route,
        headers = question(txn),
        dst = ASKED_AT,
        timeout = PATIENCE_MS,
    })
    -- Cordon alone says an effect. An answer without one is an error, of its own or of what stands in its place.
    local effect = first(answer.headers, "x-cordon-effect")
    if effect == nil then
        txn:set_var("txn.cordon_effect", "unavailable")
        if otherwise ~= "open" or answer.status < 500 then
            refuse(txn, 503, { ["content-type"] = { "application/problem+json" }, ["retry-after"] = { "1" } }, UNAVAILABLE)
        end
        return
    end
    if answer.status ~= 200 then
        return deny(txn, answer)
    end
    txn:set_var("txn.cordon_effect", effect)
    for name, variable in pairs(TOLD) do
        local value = first(answer.headers, name)
        if value ~= nil then
            txn:set_var(variable, value)
        end
    end
end

core.register_action("cordon", { "http-req" }, check, 2)
