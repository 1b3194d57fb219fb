#!lua name=trade

-- The commands of daytrade for redis, as somebody would write them who builds it on redis: accounts
-- are hashes, pending orders are lists, each command is one call. Left out: expiry, triggers that
-- fire later, history, audit, and any check of what is read. The hash `prices` holds cents.

local function money(cents)
  local sign = ''
  if cents < 0 then sign, cents = '-', -cents end
  local rest = cents % 100
  return string.format('%s%d.%02d', sign, (cents - rest) / 100, rest)
end

local function market(symbol)
  return tonumber(redis.call('HGET', 'prices', symbol))
end

local function cash_of(user)
  local cash = redis.call('HGET', 'account:' .. user, 'cash')
  return cash and tonumber(cash)
end

local function move(user, cash, reserved)
  if cash ~= 0 then redis.call('HINCRBY', 'account:' .. user, 'cash', cash) end
  if reserved ~= 0 then redis.call('HINCRBY', 'account:' .. user, 'reserved', reserved) end
end

-- Returns free and reserved shares and the cost basis of a holding.
local function holding(user, symbol)
  local found = redis.call('HGET', 'holdings:' .. user, symbol)
  if not found then return 0, 0, 0 end
  local free, reserved, basis = string.match(found, '(%d+),(%d+),(%d+)')
  return tonumber(free), tonumber(reserved), tonumber(basis)
end

local function hold(user, symbol, free, reserved, basis)
  if free + reserved == 0 then
    redis.call('HDEL', 'holdings:' .. user, symbol)
  else
    local text = string.format('%d,%d,%d', free, reserved, basis)
    redis.call('HSET', 'holdings:' .. user, symbol, text)
  end
end

local function bought(user, symbol, shares, total)
  local free, reserved, basis = holding(user, symbol)
  hold(user, symbol, free + shares, reserved, basis + total)
end

-- Rounds half to even. The products are far below 2^53, where a number of Lua is exact.
local function part_of(basis, part, all)
  if part == all then return basis end
  local rest = (basis * part) % all
  local quotient = (basis * part - rest) / all
  if rest * 2 > all or (rest * 2 == all and quotient % 2 == 1) then quotient = quotient + 1 end
  return quotient
end

local function sold(user, symbol, shares, total)
  local free, reserved, basis = holding(user, symbol)
  local part = part_of(basis, shares, free + reserved)
  hold(user, symbol, free, reserved - shares, basis - part)
  move(user, total, 0)
  redis.call('HINCRBY', 'account:' .. user, 'realised', total - part)
end

-- Returns amount, trigger price (0 if there is none) and reserved shares of a set.
local function set_of(user, side, symbol)
  local found = redis.call('HGET', 'sets:' .. user, side .. symbol)
  if not found then return nil end
  local amount, price, shares = string.match(found, '(%d+),(%d+),(%d+)')
  return tonumber(amount), tonumber(price), tonumber(shares)
end

local function set_to(user, side, symbol, amount, price, shares)
  local text = string.format('%d,%d,%d', amount, price, shares)
  redis.call('HSET', 'sets:' .. user, side .. symbol, text)
end

local function remove_set(user, side, symbol)
  redis.call('HDEL', 'sets:' .. user, side .. symbol)
end

local function too_small(symbol, amount, price)
  return 'ERR,AMOUNT_TOO_SMALL,one share of ' .. symbol .. ' at ' .. money(price)
    .. ' is more than ' .. money(amount)
end

local function no_funds(needed, available)
  return 'ERR,INSUFFICIENT_FUNDS,needs ' .. money(needed) .. ' and there is ' .. money(available)
end

local function no_shares(symbol, needed, free)
  return string.format('ERR,INSUFFICIENT_SHARES,needs %d shares of %s and %d can be used', needed,
    symbol, free)
end

local NO_ACCOUNT = 'ERR,NO_ACCOUNT,no account: the user has never had an ADD'

local function terms(name, symbol, shares, price)
  return string.format('OK,%s,%s,%d,%s,%s', name, symbol, shares, money(price),
    money(shares * price))
end

local function add(keys, args)
  local cash = redis.call('HINCRBY', 'account:' .. keys[1], 'cash', args[1])
  return 'OK,ADD,' .. money(cash)
end

local function quote(keys, args)
  return 'OK,QUOTE,' .. args[1] .. ',' .. money(market(args[1]))
    .. ',0,IfmIOkYOIc1gMaPl+wTd+Zs57jLluV8Qa9/kvOPT93bd'
end

local function push(user, side, symbol, shares, price)
  local number = redis.call('HINCRBY', 'account:' .. user, 'orders', 1)
  local text = string.format('%s,%d,%d,%d', symbol, shares, price, number)
  redis.call('RPUSH', side .. ':' .. user, text)
end

local function buy(keys, args)
  local user, symbol, amount = keys[1], args[1], tonumber(args[2])
  local cash = cash_of(user)
  if not cash then return NO_ACCOUNT end
  if cash < amount then return no_funds(amount, cash) end
  local price = market(symbol)
  local shares = math.floor(amount / price)
  if shares == 0 then return too_small(symbol, amount, price) end
  move(user, -shares * price, shares * price)
  push(user, 'BUY', symbol, shares, price)
  return terms('BUY', symbol, shares, price) .. ',0'
end

local function sell(keys, args)
  local user, symbol, amount = keys[1], args[1], tonumber(args[2])
  if not cash_of(user) then return NO_ACCOUNT end
  local free, reserved, basis = holding(user, symbol)
  if free == 0 then return no_shares(symbol, 1, 0) end
  local price = market(symbol)
  local shares = math.floor(amount / price)
  if shares == 0 then return too_small(symbol, amount, price) end
  if free < shares then return no_shares(symbol, shares, free) end
  hold(user, symbol, free - shares, reserved + shares, basis)
  push(user, 'SELL', symbol, shares, price)
  return terms('SELL', symbol, shares, price) .. ',0'
end

-- Takes the newest pending order of a side.
local function pop(user, side)
  local found = redis.call('RPOP', side .. ':' .. user)
  if not found then return nil end
  local symbol, shares, price = string.match(found, '(%w+),(%d+),(%d+),')
  return symbol, tonumber(shares), tonumber(price)
end

local function none_pending(side)
  return 'ERR,NO_PENDING_' .. side .. ',no ' .. side .. ' in the last 60 s to commit or cancel'
end

local function close(name, side, act)
  return function(keys)
    local user = keys[1]
    if not cash_of(user) then return NO_ACCOUNT end
    local symbol, shares, price = pop(user, side)
    if not symbol then return none_pending(side) end
    act(user, symbol, shares, shares * price)
    return terms(name, symbol, shares, price)
  end
end

local commit_buy = close('COMMIT_BUY', 'BUY', function(user, symbol, shares, total)
  move(user, 0, -total)
  bought(user, symbol, shares, total)
end)

local cancel_buy = close('CANCEL_BUY', 'BUY', function(user, _, _, total)
  move(user, total, -total)
end)

local commit_sell = close('COMMIT_SELL', 'SELL', sold)

local cancel_sell = close('CANCEL_SELL', 'SELL', function(user, symbol, shares)
  local free, reserved, basis = holding(user, symbol)
  hold(user, symbol, free + shares, reserved - shares, basis)
end)

local function set_buy_amount(keys, args)
  local user, symbol, amount = keys[1], args[1], tonumber(args[2])
  local cash = cash_of(user)
  if not cash then return NO_ACCOUNT end
  local before, price = set_of(user, 'B', symbol)
  before, price = before or 0, price or 0
  if cash + before < amount then return no_funds(amount, cash + before) end
  if amount < price then return too_small(symbol, amount, price) end
  move(user, before - amount, amount - before)
  set_to(user, 'B', symbol, amount, price, 0)
  return 'OK,SET_BUY_AMOUNT,' .. symbol .. ',' .. money(amount)
end

local function set_buy_trigger(keys, args)
  local user, symbol, price = keys[1], args[1], tonumber(args[2])
  if not cash_of(user) then return NO_ACCOUNT end
  local amount = set_of(user, 'B', symbol)
  if not amount then return 'ERR,NO_SET_BUY,no SET_BUY_AMOUNT for ' .. symbol end
  if amount < price then return too_small(symbol, amount, price) end
  local at = market(symbol)
  if at > price then
    set_to(user, 'B', symbol, amount, price, 0)
  else
    local shares = math.floor(amount / at)
    remove_set(user, 'B', symbol)
    move(user, amount - shares * at, -amount)
    bought(user, symbol, shares, shares * at)
  end
  return 'OK,SET_BUY_TRIGGER,' .. symbol .. ',' .. money(amount) .. ',' .. money(price)
end

local function cancel_set_buy(keys, args)
  local user, symbol = keys[1], args[1]
  if not cash_of(user) then return NO_ACCOUNT end
  local amount = set_of(user, 'B', symbol)
  if not amount then return 'ERR,NO_SET_BUY,no SET_BUY_AMOUNT for ' .. symbol end
  remove_set(user, 'B', symbol)
  move(user, amount, -amount)
  return 'OK,CANCEL_SET_BUY,' .. symbol .. ',' .. money(amount)
end

local function set_sell_amount(keys, args)
  local user, symbol, amount = keys[1], args[1], tonumber(args[2])
  if not cash_of(user) then return NO_ACCOUNT end
  local _, price, before = set_of(user, 'S', symbol)
  price, before = price or 0, before or 0
  local free, reserved, basis = holding(user, symbol)
  if free + before == 0 then return no_shares(symbol, 1, 0) end
  local shares = 0
  if price > 0 then
    shares = math.floor(amount / price)
    if shares == 0 then return too_small(symbol, amount, price) end
    if shares > free + before then return no_shares(symbol, shares, free + before) end
    hold(user, symbol, free + before - shares, reserved + shares - before, basis)
  end
  set_to(user, 'S', symbol, amount, price, shares)
  return 'OK,SET_SELL_AMOUNT,' .. symbol .. ',' .. money(amount)
end

local function set_sell_trigger(keys, args)
  local user, symbol, price = keys[1], args[1], tonumber(args[2])
  if not cash_of(user) then return NO_ACCOUNT end
  local amount, _, before = set_of(user, 'S', symbol)
  if not amount then return 'ERR,NO_SET_SELL,no SET_SELL_AMOUNT for ' .. symbol end
  local free, reserved, basis = holding(user, symbol)
  local shares = math.floor(amount / price)
  if shares == 0 then return too_small(symbol, amount, price) end
  if shares > free + before then return no_shares(symbol, shares, free + before) end
  hold(user, symbol, free + before - shares, reserved + shares - before, basis)
  local at = market(symbol)
  if at < price then
    set_to(user, 'S', symbol, amount, price, shares)
  else
    remove_set(user, 'S', symbol)
    sold(user, symbol, shares, shares * at)
  end
  return string.format('OK,SET_SELL_TRIGGER,%s,%s,%s,%d', symbol, money(amount), money(price),
    shares)
end

local function cancel_set_sell(keys, args)
  local user, symbol = keys[1], args[1]
  if not cash_of(user) then return NO_ACCOUNT end
  local amount, _, shares = set_of(user, 'S', symbol)
  if not amount then return 'ERR,NO_SET_SELL,no SET_SELL_AMOUNT for ' .. symbol end
  remove_set(user, 'S', symbol)
  local free, reserved, basis = holding(user, symbol)
  hold(user, symbol, free + shares, reserved - shares, basis)
  return string.format('OK,CANCEL_SET_SELL,%s,%s,%d', symbol, money(amount), shares)
end

-- Returns the pairs of a hash, sorted by key.
local function sorted(hash)
  local found, keys, values = redis.call('HGETALL', hash), {}, {}
  for at = 1, #found, 2 do
    keys[#keys + 1] = found[at]
    values[found[at]] = found[at + 1]
  end
  table.sort(keys)
  return keys, values
end

local function display_summary(keys)
  local user = keys[1]
  local found = redis.call('HMGET', 'account:' .. user, 'cash', 'reserved', 'realised')
  if not found[1] then return NO_ACCOUNT end
  local lines = { '-ACCOUNT,' .. user .. ',' .. money(tonumber(found[1])) .. ','
    .. money(tonumber(found[2] or 0)) .. ',' .. money(tonumber(found[3] or 0)) }
  local symbols, holdings = sorted('holdings:' .. user)
  for _, symbol in ipairs(symbols) do
    local free, reserved, basis = string.match(holdings[symbol], '(%d+),(%d+),(%d+)')
    lines[#lines + 1] = '-HOLDING,' .. symbol .. ',' .. free .. ',' .. reserved .. ','
      .. money(tonumber(basis))
  end
  local pending = {}
  for _, side in ipairs({ 'BUY', 'SELL' }) do
    for _, order in ipairs(redis.call('LRANGE', side .. ':' .. user, 0, -1)) do
      local symbol, shares, price, number = string.match(order, '(%w+),(%d+),(%d+),(%d+)')
      local text = string.format('-PENDING,%s,%s,%s,%s,%s,0', side, symbol, shares,
        money(tonumber(price)), money(tonumber(shares) * tonumber(price)))
      pending[#pending + 1] = { tonumber(number), text }
    end
  end
  table.sort(pending, function(one, other) return one[1] > other[1] end)
  for _, order in ipairs(pending) do lines[#lines + 1] = order[2] end
  local names, sets = sorted('sets:' .. user)
  for _, name in ipairs(names) do
    local amount, price, shares = string.match(sets[name], '(%d+),(%d+),(%d+)')
    local side = string.sub(name, 1, 1) == 'B' and 'BUY' or 'SELL'
    lines[#lines + 1] = '-TRIGGER,' .. side .. ',' .. string.sub(name, 2) .. ','
      .. money(tonumber(amount)) .. ',' .. (price == '0' and '' or money(tonumber(price))) .. ','
      .. shares
  end
  lines[#lines + 1] = 'OK,DISPLAY_SUMMARY,' .. user .. ',' .. #lines
  return table.concat(lines, '\n')
end

redis.register_function('ADD', add)
redis.register_function('QUOTE', quote)
redis.register_function('BUY', buy)
redis.register_function('COMMIT_BUY', commit_buy)
redis.register_function('CANCEL_BUY', cancel_buy)
redis.register_function('SELL', sell)
redis.register_function('COMMIT_SELL', commit_sell)
redis.register_function('CANCEL_SELL', cancel_sell)
redis.register_function('SET_BUY_AMOUNT', set_buy_amount)
redis.register_function('SET_BUY_TRIGGER', set_buy_trigger)
redis.register_function('CANCEL_SET_BUY', cancel_set_buy)
redis.register_function('SET_SELL_AMOUNT', set_sell_amount)
redis.register_function('SET_SELL_TRIGGER', set_sell_trigger)
redis.register_function('CANCEL_SET_SELL', cancel_set_sell)
redis.register_function('DISPLAY_SUMMARY', display_summary)
