// Azurite's queue service collects garbage every minute, one message at a time, rebuilding its indexes each time: five
// thousand deleted messages stall it for most of a minute. Nothing here runs long enough to need it.
const constants = require('azurite/dist/src/queue/utils/constants.js');
constants.DEFAULT_GC_INTERVAL_MS = 2 ** 31 - 1;
