"""What a good site holds, in the words of someone who runs it."""

from typing import Any

from pipeline.site.model import Site


def summary_of(site: Site) -> dict[str, Any]:
    """Counts, versions and each place's officer, for people and machines.

    `grids` and `officers` are those that have places; the keys are what `--json` writes.
    """
    places = site.policy.places.values()
    return {
        "tenant": site.settings.tenant,
        "policy_version": site.policy.version,
        "map_version": site.policy.map_version,
        "cameras": len(site.cameras),
        "zones": sum(len(camera.zones) for camera in site.cameras),
        "sensors": len(site.sensors),
        "events": len(site.policy.events),
        "places": len(places),
        "grids": len({place.address.leaf_code for place in places}),
        "officers": len({place.officer.id for place in places}),
        "goes_to": [
            {
                "place": place.id,
                "name": place.name,
                "grid": place.address.leaf_code,
                "officer": place.officer.number,
                "terminal": place.officer.terminal_id,
                "watched_by": sorted(
                    f"{source}/{zone}"
                    for (source, zone), watch in site.policy.watches.items()
                    if watch.place_id == place.id
                ),
            }
            for place in places
        ],
    }
