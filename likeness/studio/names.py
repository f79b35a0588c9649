"""Given names for studio people, by rough region of their ancestry.

Owns a list of common given names; nobody is meant. A name says nothing about a face beyond the
region its list was drawn from, and regions mix as ancestries do.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from likeness.studio.anthropometry import ANCESTRIES, Sex

_NAMES: dict[str, dict[Sex, str]] = {
    "european": {
        "female": "Alva Anneke Birgit Carla Daria Elin Emilia Freya Greta Hanna Ilse Inge Jana "
        "Katrin Lene Liv Marta Nadia Olga Petra Renata Signe Sofie Tilda Ursula Vera Wanda Zofia",
        "male": "Alban Anders Bruno Casper Dario Egon Emil Felix Gerrit Henrik Ivo Jasper Jonas "
        "Karel Lars Luca Marek Nils Oskar Pavel Piet Rasmus Stefan Theo Tomas Ulrich Viktor Willem",
    },
    "african": {
        "female": "Abena Adaeze Afia Amara Ayana Chipo Dalila Efua Esi Fatou Imani Kessie Lerato "
        "Makena Mariam Naledi Neema Nia Ntombi Oni Rudo Sanaa Thandi Wambui Yaa Yetunde Zola Zuri",
        "male": "Abebe Ade Amadou Bakari Chidi Dawit Ekow Emeka Farai Jabari Jomo Kato Kofi Kwame "
        "Lamine Mandla Moussa Nnamdi Obi Oumar Sekou Simba Sipho Tafari Tendai Themba Yaw Zuberi",
    },
    "hispanic": {
        "female": "Alma Beatriz Camila Catalina Dolores Elena Esperanza Graciela Ines Isabel "
        "Jimena Lucia Luz Marisol Mercedes Noemi Paloma Pilar Rocio Rosario Valeria Ximena Yolanda",
        "male": "Alejo Andres Benito Camilo Diego Emilio Esteban Fabian Felipe Gustavo Hector "
        "Ignacio Javier Joaquin Lorenzo Mateo Nicolas Octavio Pablo Rafael Santiago Tadeo Vicente",
    },
    "east_asian": {
        "female": "Aiko Akemi Bora Chun Daiyu Eun Fang Hana Haruka Hye Jia Jisoo Lan Lihua Mei "
        "Miho Minji Naoko Qing Rin Seo Sora Xia Yan Yuki Yuna Yuri Zhen",
        "male": "Akira Bo Cheng Daichi Dong Feng Goro Haru Hiro Hyun Jian Jin Joon Kenji Kenta "
        "Liang Minho Naoki Osamu Ren Seung Shin Sung Takeo Tao Wei Yong Zhi",
    },
    "south_east_asian": {
        "female": "Amihan Anong Ayu Bituin Bunga Chanthou Dewi Hoa Intan Kannika Khin Lan Linh "
        "Malee Mayumi Nin Nirun Phuong Putri Ratana Rosnah Siti Sopheap Thida Trang Wulan",
        "male": "Agung Anan Andika Arif Bayani Binh Boun Dara Duc Isko Kasem Khoa Kyaw Lakan "
        "Minh Narong Pisey Prasert Quan Rizal Somchai Sota Surya Thura Tuan Wayan",
    },
    "south_asian": {
        "female": "Aditi Amrita Anjali Asha Bhavna Chitra Deepa Farida Gita Indira Jaya Kavita "
        "Lakshmi Leela Meera Nandini Padma Priya Radha Rekha Rina Sarita Shanti Sunita Tara Usha",
        "male": "Ajay Amar Anil Arjun Ashok Bimal Deepak Farhan Gopal Harish Imran Jatin Kiran "
        "Manoj Mohan Naveen Nikhil Pranav Rahul Rajan Ravi Rohan Sanjay Suresh Tariq Vijay",
    },
    "middle_eastern": {
        "female": "Amal Anahita Aylin Azra Dalia Dina Elif Farah Golnar Hala Jamila Laleh Layla "
        "Leyla Maha Mina Nasrin Nour Parisa Rana Roya Samira Shirin Soraya Yasmin Zeynep",
        "male": "Adil Anwar Arash Aziz Bashir Cem Darius Emre Farid Hakan Hamid Idris Jamal Kamal "
        "Karim Khalil Mazin Mehmet Nabil Navid Omid Rami Reza Samir Tarek Yusuf",
    },
}


def draw_name(rng: np.random.Generator, *, sex: Sex, ancestry: Mapping[str, float]) -> str:
    """A given name from the list of one of the person's ancestries, chosen by their weights."""
    weights = np.array([ancestry.get(region, 0.0) for region in ANCESTRIES])
    region = ANCESTRIES[int(rng.choice(len(ANCESTRIES), p=weights / weights.sum()))]
    listed = _NAMES[region][sex].split()
    return listed[int(rng.integers(len(listed)))]
